// Keeps the page as it is on the machine, without a reload. The page works without this script.
//
// One stream of events for all tabs of a browser: a shared worker holds it where there is one. An
// event says only that something moved; the page is then fetched again, as this person may see it,
// and what differs in the parts marked `data-live` is changed in place: what is open stays open, the
// focus stays, and a screen reader hears of what changed only.
"use strict";

(() => {
  const AGAIN = 400; // ms; many events in a row are one look
  const ANYWAY = 30000; // ms; "3 minutes ago" grows old without an event
  const root = document.documentElement;
  let waiting = null;
  let looking = false;

  async function look() {
    waiting = null;
    // What moved while the last look was on its way may not be in it.
    if (looking) { later(); return; }
    if (document.hidden) { return; }
    looking = true;
    try {
      // The header says that nobody pressed anything: an open page keeps nobody signed in.
      const headers = { "X-Dunlin-Watches": "1" };
      const answer = await fetch(location.href, { credentials: "same-origin", headers });
      if (answer.redirected || answer.status === 401) { location.reload(); return; }
      if (!answer.ok) { return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const now = fresh.getElementById(part.id);
        if (now) { morph(part, now); }
      }
      root.classList.remove("is-stale");
    } catch {
      root.classList.add("is-stale");
    } finally {
      looking = false;
    }
  }

  // Makes `old` say what `now` says, touching only what differs.
  function morph(old, now) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== now.data) { old.data = now.data; }
      return;
    }
    if (old === document.activeElement && old.matches("input, select, textarea")) { return; }
    for (const { name, value } of now.attributes) {
      if (old.getAttribute(name) !== value) { old.setAttribute(name, value); }
    }
    for (const { name } of [...old.attributes]) {
      const opened = name === "open" && old.matches("details");
      if (!opened && !now.hasAttribute(name)) { old.removeAttribute(name); }
    }
    children(old, now);
  }

  function children(old, now) {
    let at = old.firstChild;
    for (const fresh of [...now.childNodes]) {
      let same = at && alike(at, fresh) ? at : null;
      if (!same && fresh.id) {
        same = [...old.children].find((one) => one.id === fresh.id && alike(one, fresh)) || null;
        if (same) { old.insertBefore(same, at); }
      }
      if (same) {
        morph(same, fresh);
        at = same.nextSibling;
      } else {
        old.insertBefore(document.importNode(fresh, true), at);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  const alike = (one, other) => one.nodeName === other.nodeName && (one.id || "") === (other.id || "");

  function later() {
    if (waiting === null && !document.hidden) { waiting = setTimeout(look, AGAIN); }
  }

  // A stream that is gone may mean that the machine is, or that the session is over: a look tells.
  function heard(word) {
    if (word === "gone") { root.classList.add("is-stale"); }
    later();
  }

  function listen() {
    if (!document.querySelector("[data-live]")) { return; }
    if (window.SharedWorker) {
      const worker = new SharedWorker("/assets/stream.js");
      worker.port.onmessage = (message) => heard(message.data);
      worker.port.start();
      // The worker lives as long as the last tab; it forgets those that say goodbye.
      addEventListener("pagehide", () => worker.port.postMessage("bye"));
      addEventListener("pageshow", (event) => { if (event.persisted) { location.reload(); } });
    } else {
      const stream = new EventSource("/events");
      stream.addEventListener("moved", () => heard("moved"));
      stream.onerror = () => heard("gone");
      stream.onopen = () => heard("moved");
    }
    setInterval(later, ANYWAY);
    document.addEventListener("visibilitychange", later);
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const from = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(from.textContent.trim());
        button.textContent = button.dataset.done;
      } catch {
        getSelection().selectAllChildren(from);
      }
    });
  }

  listen();
})();
