// Keeps the page as it is on the machine, without a reload. The page works without this script.
//
// One stream of events for all tabs of a browser: a shared worker holds it where there is one. An
// event says only that something moved; the page is then fetched again, as this person may see it,
// and each part marked `data-live` whose text differs takes the place of the old one.
"use strict";

(() => {
  const AGAIN = 400; // ms; many events in a row are one look
  const root = document.documentElement;
  let waiting = null;
  let looking = false;

  const busy = (part) => part.contains(document.activeElement)
    && document.activeElement.matches("input, select, textarea");

  async function look() {
    waiting = null;
    if (looking || document.hidden) { later(); return; }
    looking = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) { return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const now = fresh.getElementById(part.id);
        if (!now || busy(part) || part.innerHTML === now.innerHTML) { continue; }
        swap(part, now);
      }
      root.classList.remove("is-stale");
    } catch {
      root.classList.add("is-stale");
    } finally {
      looking = false;
    }
  }

  // What was open stays open, and the focus stays where it was.
  function swap(part, now) {
    const open = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.replaceChildren(...now.childNodes);
    for (const id of open) {
      const one = document.getElementById(id);
      if (one) { one.open = true; }
    }
    const again = focused && document.getElementById(focused);
    if (again) { again.focus({ preventScroll: true }); }
  }

  function later() {
    if (waiting === null) { waiting = setTimeout(look, AGAIN); }
  }

  function heard(word) {
    if (word === "gone") { root.classList.add("is-stale"); } else { later(); }
  }

  function listen() {
    if (!document.querySelector("[data-live]")) { return; }
    if (window.SharedWorker) {
      const worker = new SharedWorker("/assets/stream.js");
      worker.port.onmessage = (message) => heard(message.data);
      worker.port.start();
    } else {
      const stream = new EventSource("/events");
      stream.addEventListener("moved", () => heard("moved"));
      stream.onerror = () => heard("gone");
      stream.onopen = () => heard("moved");
    }
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) { later(); } });

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
