// One stream of events for all tabs of this browser: a shared worker that passes on what it hears.
"use strict";

const ports = new Set();
const tell = (word) => { for (const port of ports) { port.postMessage(word); } };

const stream = new EventSource("/events");
stream.addEventListener("moved", () => tell("moved"));
stream.onerror = () => tell("gone");
stream.onopen = () => tell("moved");

onconnect = (event) => {
  const port = event.ports[0];
  ports.add(port);
  port.start();
  port.postMessage(stream.readyState === EventSource.OPEN ? "moved" : "gone");
};
