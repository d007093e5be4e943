// One stream of events for all tabs of this browser: a shared worker that passes on what it hears.
"use strict";

const AGAIN = 3000; // ms before a stream that the machine refused is asked for anew

const ports = new Set();
const tell = (word) => { for (const port of ports) { port.postMessage(word); } };
let stream = null;
let lost = false; // a stream that was never open yet is not lost

function open() {
  stream = new EventSource("/events");
  stream.addEventListener("moved", () => tell("moved"));
  stream.onopen = () => { lost = false; tell("moved"); };
  stream.onerror = () => {
    lost = true;
    tell("gone");
    // A browser tries again by itself, but not after an answer that is no stream.
    if (stream.readyState === EventSource.CLOSED) { setTimeout(open, AGAIN); }
  };
}

onconnect = (event) => {
  const port = event.ports[0];
  ports.add(port);
  port.onmessage = () => ports.delete(port);
  port.start();
  if (lost) { port.postMessage("gone"); }
};

open();
