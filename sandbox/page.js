"use strict";
// Replaces the lists once a second if they have changed. What is open stays open, and the keyboard stays where it is.
const live = document.getElementById("live");
const state = document.getElementById("state");
let version = live.dataset.version;
const say = text => { if (state.textContent !== text) state.textContent = text; };
async function update() {
  const answer = await fetch("live", { cache: "no-store", headers: { "If-None-Match": version } });
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(answer.statusText);
  const text = await answer.text();
  const open = [...live.querySelectorAll("details[open]")].map(d => d.id);
  const focus = document.activeElement?.closest("#live details")?.id;
  live.innerHTML = text;
  version = answer.headers.get("ETag");
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focus) document.getElementById(focus)?.querySelector("summary").focus({ preventScroll: true });
}
async function watch() {
  try {
    await update();
    say("live");
  } catch {
    say("the sandbox does not answer");
  }
  setTimeout(watch, 1000);
}
watch();
