//! Users and tokens: who may call, with what.

use std::time::Duration;

use dunlin_rpc::method::access::AccessServer;
use dunlin_rpc::wire::access::{TokenEntry, TokenMade, UserEntry};
use dunlin_rpc::{Code, Fault, Secret};
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};
use tracing::info;

use crate::clock;
use crate::config::{Network, NotANetwork};
use crate::error::{Error, Result};
use crate::fault::fault;
use crate::machine::Machine;
use crate::sign_in;
use crate::tokens::{Terms, Token};
use crate::users::Role;

/// The methods about users and tokens.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) machine: Machine,
}

impl Service {
    /// Off the runtime: it hashes, and waits for the disk.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Machine) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let machine = self.machine.clone();
        let changed = tokio::task::spawn_blocking(move || change(&machine)).await;
        // Pages show users, and those whose session is over by this show nothing more.
        self.machine.seen_to_change();
        changed.map_err(|_panic| Error::Stopping).flatten().map_err(|error| fault(&error))
    }

    fn entry(&self, token: &Token) -> TokenEntry {
        let now = self.machine.seconds();
        TokenEntry {
            id: token.id().to_owned(),
            name: token.name.clone(),
            role: token.role.to_string(),
            made: time(token.made),
            expires: token.expires.map(time),
            expired: token.expires.is_some_and(|expires| expires <= now),
            from: token.from.map(|from| from.to_string()),
            last_used: token.last_used.map(time),
        }
    }
}

/// Seconds since 1970, as people read them.
fn time(seconds: u64) -> String {
    clock::text(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX))
}

fn role(word: &str) -> Result<Role, Fault> {
    word.parse()
        .map_err(|error: crate::users::Error| Fault::new(Code::InvalidParams, error.to_string()))
}

#[async_trait]
impl AccessServer for Service {
    async fn users_list(&self, _: &Extensions) -> RpcResult<Vec<UserEntry>> {
        let entry = |user: crate::users::Listed| UserEntry {
            name: user.name,
            role: user.role.to_string(),
            old_caller: user.old_caller,
        };
        Ok(self.machine.users.list().into_iter().map(entry).collect())
    }

    async fn users_add(
        &self,
        _: &Extensions,
        name: String,
        word: String,
        password: Secret<String>,
        old_caller: Option<bool>,
    ) -> RpcResult<()> {
        let role = role(&word)?;
        let old_caller = old_caller.unwrap_or(false);
        let change = move |machine: &Machine| {
            machine.users.add(&name, password.expose(), role, old_caller)?;
            info!(user = name, "user added");
            Ok(())
        };
        Ok(self.change(change).await?)
    }

    async fn users_passwd(
        &self,
        _: &Extensions,
        name: String,
        password: Secret<String>,
    ) -> RpcResult<()> {
        let change = move |machine: &Machine| {
            machine.users.set_password(&name, password.expose())?;
            machine.sessions.end_of(&name);
            sign_in::forgive(machine, &name);
            info!(user = name, "password changed");
            Ok(())
        };
        Ok(self.change(change).await?)
    }

    async fn users_role(
        &self,
        _: &Extensions,
        name: String,
        word: String,
        password: Option<Secret<String>>,
    ) -> RpcResult<()> {
        let role = role(&word)?;
        let change = move |machine: &Machine| {
            let password = password.as_ref().map(|password| password.expose().as_str());
            machine.users.set_role(&name, role, password)?;
            machine.sessions.end_of(&name);
            info!(user = name, "role changed");
            Ok(())
        };
        Ok(self.change(change).await?)
    }

    async fn users_remove(&self, _: &Extensions, name: String) -> RpcResult<()> {
        let change = move |machine: &Machine| {
            machine.users.remove(&name)?;
            machine.sessions.end_of(&name);
            info!(user = name, "user removed");
            Ok(())
        };
        Ok(self.change(change).await?)
    }

    async fn tokens_create(
        &self,
        _: &Extensions,
        name: String,
        word: String,
        expires_seconds: Option<u64>,
        from: Option<String>,
    ) -> RpcResult<TokenMade> {
        let role = role(&word)?;
        let from: Option<Network> = from
            .map(|text| text.parse())
            .transpose()
            .map_err(|error: NotANetwork| fault(&Error::Tokens(error.into())))?;
        let life = expires_seconds.map(Duration::from_secs);
        let terms = Terms { name, role, life, from };
        let create = move |machine: &Machine| {
            let made = machine.tokens.create(&terms, machine.seconds())?;
            info!(token = terms.name, "token made");
            Ok(made)
        };
        let (token, made) = self.change(create).await?;
        Ok(TokenMade { token, entry: self.entry(&made) })
    }

    async fn tokens_list(&self, _: &Extensions) -> RpcResult<Vec<TokenEntry>> {
        Ok(self.machine.tokens.list().iter().map(|token| self.entry(token)).collect())
    }

    async fn tokens_revoke(&self, _: &Extensions, name: String) -> RpcResult<TokenEntry> {
        let revoke = move |machine: &Machine| {
            let token = machine.tokens.revoke(&name)?;
            info!(token = token.name, "token revoked");
            Ok(token)
        };
        let token = self.change(revoke).await?;
        Ok(self.entry(&token))
    }
}
