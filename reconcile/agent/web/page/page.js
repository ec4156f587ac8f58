// Keeps the state on the page fresh. The page is whole without it.
"use strict";
(() => {
  const status = document.getElementById("status");
  if (!status) return;
  const stale = document.getElementById("stale");
  const pace = 5000;
  const source = new WeakMap(); // what a part was made of
  let fresh = new Date();
  let timer = 0;
  for (const part of status.children) source.set(part, part.outerHTML);

  // put replaces a part, and leaves open what was open.
  function put(old, part) {
    if (part.id === "banner") { // stays, so that its new words are read out
      old.className = part.className;
      old.replaceChildren(...part.childNodes);
      return old;
    }
    for (const open of old.querySelectorAll("details[open][id]")) {
      const same = part.querySelector("#" + CSS.escape(open.id));
      if (same) same.open = true;
    }
    old.replaceWith(part);
    return part;
  }

  // show takes over what differs, but nothing that somebody is at.
  function show(html) {
    const parts = [...new DOMParser().parseFromString(html, "text/html").body.children];
    let at = status.firstElementChild;
    for (let part of parts) {
      const text = part.outerHTML;
      const old = document.getElementById(part.id);
      if (old && (source.get(old) === text || old.id !== "banner" && busy(old))) {
        part = old;
      } else if (old) {
        const first = old === at;
        part = put(old, part);
        if (first) at = part;
        source.set(part, text);
      } else {
        source.set(part, text);
      }
      if (part === at) at = at.nextElementSibling;
      else status.insertBefore(part, at);
    }
    while (at) {
      const next = at.nextElementSibling;
      if (!busy(at)) at.remove();
      at = next;
    }
  }

  function busy(part) {
    const open = part.querySelector("details[open] form");
    return part.contains(document.activeElement) || open !== null;
  }

  async function refresh() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const answer = await fetch(status.dataset.refresh, { headers: { Accept: "text/html" }, redirect: "error", signal: AbortSignal.timeout(4000) });
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(answer.statusText);
      show(await answer.text());
      fresh = new Date();
      stale.hidden = true;
    } catch {
      stale.textContent = "The agent does not answer. What you see is of " + fresh.toLocaleTimeString() + " on this computer's clock.";
      stale.hidden = false;
    }
    timer = setTimeout(refresh, pace);
  }

  document.addEventListener("visibilitychange", refresh);
  timer = setTimeout(refresh, pace);
})();
