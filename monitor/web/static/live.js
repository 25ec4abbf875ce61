// Keeps the page true to what the service sees. Without this file the page asks for itself again every 30 seconds.
"use strict";

const GAP = 5000; // milliseconds between two looks, however often something changes; the first is at once
const line = document.getElementById("live");
let source = null;
let lastSeen = "";
let lastLook = 0;
let waiting = null;
let looking = false;
let again = false;

function say(text, lost) {
  line.classList.toggle("lost", lost);
  if (line.textContent !== text) line.textContent = text;
}

function clock() {
  return new Date().toISOString().slice(11, 19) + " UTC";
}

function keep(main) {
  const focus = document.activeElement;
  const within = focus && main.contains(focus);
  return {
    id: within ? focus.id : "",
    href: within ? focus.getAttribute("href") : null,
    value: within && "value" in focus ? focus.value : null,
    range: within && focus.selectionStart !== undefined && focus.type === "search"
      ? [focus.selectionStart, focus.selectionEnd] : null,
    chosen: Array.from(main.querySelectorAll("select[id], input[type=checkbox][id], input[type=text][id]"), (one) => [one.id, one.value, one.checked]),
    open: Array.from(main.querySelectorAll("details[open][id]"), (one) => one.id),
    scroll: [window.scrollX, window.scrollY],
  };
}

function restore(main, kept) {
  for (const id of kept.open) {
    const one = document.getElementById(id);
    if (one) one.open = true;
  }
  for (const [id, value, checked] of kept.chosen) {
    const one = document.getElementById(id);
    if (!one || !main.contains(one)) continue;
    if (one.type === "checkbox") one.checked = checked;
    else if (one.type === "text") one.value = value;
    else if (Array.from(one.options, (option) => option.value).includes(value)) one.value = value;
  }
  let focus = kept.id ? document.getElementById(kept.id) : null;
  if (!focus && kept.href) {
    focus = Array.from(main.querySelectorAll("a")).find((one) => one.getAttribute("href") === kept.href) || null;
  }
  if (focus) {
    if (kept.value !== null && "value" in focus) focus.value = kept.value;
    focus.focus({ preventScroll: true });
    if (kept.range) focus.setSelectionRange(kept.range[0], kept.range[1]);
  }
  window.scrollTo(kept.scroll[0], kept.scroll[1]);
}

function readingOn(main) {
  const chosen = window.getSelection();
  return chosen && !chosen.isCollapsed && main.contains(chosen.anchorNode);
}

function swap(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const next = fresh.getElementById("main");
  const main = document.getElementById("main");
  if (!next || readingOn(main)) return;
  document.title = fresh.title;
  const icon = document.querySelector("link[rel=icon]");
  const nextIcon = fresh.querySelector("link[rel=icon]");
  if (nextIcon && icon.getAttribute("href") !== nextIcon.getAttribute("href")) {
    icon.setAttribute("href", nextIcon.getAttribute("href"));
  }
  const kept = keep(main);
  main.dataset.seen = next.dataset.seen;
  main.replaceChildren(...Array.from(next.childNodes, (node) => document.importNode(node, true)));
  restore(main, kept);
}

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  lastLook = Date.now();
  try {
    const answer = await fetch(window.location.href, { cache: "no-store", credentials: "same-origin" });
    if (answer.status === 401) {
      window.location.reload();
      return;
    }
    if (answer.ok) swap(await answer.text());
    lastSeen = clock();
    say("live", false);
  } catch {
    lost();
  } finally {
    looking = false;
    if (again) {
      again = false;
      soon();
    }
  }
}

function soon() {
  if (waiting !== null) return;
  const pause = Math.max(0, GAP - (Date.now() - lastLook));
  waiting = setTimeout(() => {
    waiting = null;
    look();
  }, pause);
}

function lost() {
  say("connection lost, last seen " + (lastSeen || clock()), true);
}

function listen() {
  if (source !== null) return;
  const seen = document.getElementById("main").dataset.seen;
  source = new EventSource("/events?seen=" + encodeURIComponent(seen));
  source.addEventListener("open", () => {
    if (line.classList.contains("lost")) soon();
    lastSeen = clock();
    say("live", false);
  });
  source.addEventListener("changed", () => {
    lastSeen = clock();
    soon();
  });
  source.addEventListener("error", () => {
    lost();
    if (source !== null && source.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(() => { if (!document.hidden) listen(); }, 5000);
    }
  });
}

function pause() {
  if (source !== null) source.close();
  source = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    pause();
  } else {
    listen();
    look();
  }
});
window.addEventListener("pagehide", pause);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    listen();
    look();
  }
});
setInterval(() => { if (!document.hidden && source !== null && source.readyState === EventSource.OPEN) look(); }, 60000);
if (!document.hidden) listen();
