"use strict";
// Replaces the lists once a second if they have changed. What is open stays open, and the keyboard stays where it is.
const live = document.getElementById("live");
const state = document.getElementById("state");
const said = document.getElementById("said");
let version = live.dataset.version;
const say = text => { if (state.textContent !== text) state.textContent = text; };
const focusable = id => {
  const element = document.getElementById(id);
  return element?.tagName === "DETAILS" ? element.querySelector("summary") : element;
};
async function update() {
  const answer = await fetch("live", { cache: "no-store", headers: { "If-None-Match": version } });
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(answer.statusText);
  const text = await answer.text();
  const open = [...live.querySelectorAll("details[open]")].map(d => d.id);
  const active = document.activeElement;
  const focus = live.contains(active) && (active.id || active.closest("details")?.id);
  live.innerHTML = text;
  version = answer.headers.get("ETag");
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  // The button that has ended an order is gone with that.
  if (focus) (focusable(focus) ?? document.getElementById("orders"))?.focus({ preventScroll: true });
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

// The controls need this script, and are shown by it.
document.getElementById("controls").hidden = false;
async function control(method, path, body, done) {
  try {
    const answer = await fetch(path, { method, body: body && JSON.stringify(body) });
    said.textContent = answer.ok ? done : await answer.text();
    await update();
  } catch {
    said.textContent = "the sandbox does not answer";
  }
}
document.addEventListener("click", event => {
  const { method, path, done, app, number, status } = event.target.closest("button")?.dataset ?? {};
  if (method) control(method, path, undefined, done);
  if (status) control("POST", "settle", { appId: app, outTradeNo: number, status }, number + " is " + status);
});
document.getElementById("fault").addEventListener("submit", event => {
  event.preventDefault();
  const { endpoint, fault, times } = event.target.elements;
  control("PUT", "faults", { endpoint: endpoint.value, fault: fault.value, times: Number(times.value) }, "fault added: " + fault.value);
});
