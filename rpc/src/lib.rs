//! The wire: methods, messages, limits, error codes, client and server, TLS identity.
