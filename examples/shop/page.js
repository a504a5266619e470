"use strict";
const find = id => document.getElementById(id);
const number = location.pathname.match(/^\/orders\/(\w+)$/)?.[1];
if (number) {
  find("order").hidden = false;
  find("number").textContent = number;
  watch();
} else {
  find("checkout").hidden = false;
  begin("");
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// The checkout: a session, a card form, an order.

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => dark.matches ? "dark" : "light"; // PayerMax's script does not look by itself

async function begin(notice) {
  find("notice").textContent = notice;
  find("pay").disabled = true;
  find("card").replaceChildren();
  try {
    const checkout = await ask("/checkout", { method: "POST" });
    const card = PMdropin.create("card", { clientKey: checkout.clientKey, sessionKey: checkout.sessionKey, sandbox: true, theme: theme() });
    card.on("form-check", ({ isFormValid }) => { find("pay").disabled = !isFormValid; });
    card.mount("#card");
    dark.onchange = () => card.emit("switchTheme", theme());
    find("pay").onclick = () => pay(card, checkout.number);
  } catch {
    find("notice").textContent = "The payment form is not available now. Please reload the page.";
  }
}

async function pay(card, number) {
  find("pay").disabled = true;
  card.emit("setDisabled", true);
  try {
    const made = await card.emit("canMakePayment");
    if (made.code !== "APPLY_SUCCESS") return begin("Your checkout has expired. Please enter your card again.");
    const order = await ask(`/orders/${number}/payment`, { method: "POST", body: JSON.stringify({ paymentToken: made.data.paymentToken }) });
    if (order.status === "REFUSED") return begin("The payment was not accepted. Please enter your card again.");
    // Whether the buyer has gone through it or closed it, the order's page knows how the payment ends.
    if (order.redirectUrl) await card.create3DSPopup({ url: order.redirectUrl });
  } catch {
    // The order may have been made: its page finds out.
  }
  location.assign("/orders/" + number);
}

// The order: it looks until the state is final.

async function watch() {
  const words = { SUCCESS: "Paid. Thank you!", FAILED: "The payment has failed", CLOSED: "The payment has expired", REFUSED: "The payment was not accepted, and nothing was charged" };
  try {
    const order = await ask(`/orders/${number}/state`);
    const text = words[order.status] ?? "We are waiting for your payment";
    if (find("outcome").textContent !== text) find("outcome").textContent = text;
    find("outcome").className = order.status;
    find("again").textContent = order.status !== "SUCCESS" && order.status in words ? "Try again" : "Buy another one";
    find("continue").hidden = !order.redirectUrl;
    find("continue").firstChild.href = order.redirectUrl ?? "";
    find("events").replaceChildren(...order.events.map(({ time, status, source }) => {
      const item = document.createElement("li");
      item.textContent = `${time} ${status} (${source})`;
      return item;
    }));
  } catch {
    find("outcome").textContent = "The shop does not know this order";
  }
  setTimeout(watch, 1000);
}
