/*
 * A stand-in for PayerMax's Drop-In script, for tests without a network. It has the interface that PayerMax documents and
 * none of its code. It speaks to the sandbox that serves it and to nobody else, and what is typed into its form stays in
 * the browser.
 */
(() => {
  "use strict";
  const home = new URL(".", document.currentScript.src);
  const accepted = "APPLY_SUCCESS", failed = "UNKNOWN_ISSUE";

  // The card of the "Fill in a test card" button is PayerMax's test card for Visa.
  const testCard = { number: "4444 3333 2222 1111", name: "James Smith", expiry: "12/" + String(new Date().getFullYear() + 2).slice(-2), cvv: "123" };

  const outcomes = {
    "": "ends as the order's subject says", SUCCESS: "succeeds", FAILED: "fails", PENDING: "stays pending", "3DS": "asks for 3DS",
  };

  const style = `
    :host { display: block; font: 15px/1.4 system-ui, sans-serif; }
    fieldset { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; margin: 0; padding: 0; border: 0; min-width: 0; }
    label { display: grid; gap: .25rem; min-width: 0; }
    .wide, .sandbox, .problem { grid-column: 1 / -1; }
    .tick { display: flex; align-items: center; gap: .5rem; }
    input:not([type=checkbox]), select, button { box-sizing: border-box; width: 100%; padding: .6rem; border: 1px solid #8a94a3; border-radius: .4rem; font: inherit; }
    .sandbox { display: grid; gap: .5rem; padding: .75rem; border: 1px dashed #8a94a3; border-radius: .4rem; }
    .problem { margin: 0; }
    dialog { width: min(26rem, 94vw); padding: .75rem; border: 1px solid #8a94a3; border-radius: .6rem; }
    iframe { display: block; width: 100%; height: 20rem; border: 0; }
  `;

  // Neither innerHTML nor style attributes, so that the page's own policy may forbid both.
  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  const ask = async (name, body) => {
    try {
      const answer = await fetch(new URL(name, home), {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      return await answer.json();
    } catch {
      return { code: failed, msg: "the sandbox does not answer" };
    }
  };

  class Component {
    constructor(options) {
      if (!options?.clientKey || !options.sessionKey) throw new TypeError("PMdropin.create: clientKey and sessionKey are required");
      if (options.sandbox !== true) console.warn("PMdropin: without sandbox: true, PayerMax's own script speaks to its production");
      this.options = options;
      this.keys = { clientKey: options.clientKey, sessionKey: options.sessionKey };
      this.listeners = {};
      this.fields = element("fieldset");
    }

    mount(selector) {
      const place = document.querySelector(selector);
      if (!place) throw new Error("PMdropin.mount: nothing matches " + selector);
      this.host = place.appendChild(element("div", { dir: this.options.isRtl ? "rtl" : "ltr" }));
      this.root = this.host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(style);
      this.root.adoptedStyleSheets = [sheet];
      this.switchTheme(this.options.theme);
      this.root.append(this.fields);
      this.load();
    }

    unmount() { this.host?.remove(); }

    async load() {
      const { code, msg, data } = await ask("session", this.keys);
      if (code === accepted) {
        this.show(data);
      } else {
        this.fields.replaceChildren(element("p", { className: "problem", role: "alert" }, "The payment form could not be loaded: " + msg));
      }
      this.tell("load", { code: code === accepted ? "SUCCESS" : code, msg });
      if (code === accepted) this.tell("ready", null);
    }

    on(event, listener) { (this.listeners[event] ??= []).push(listener); }

    tell(event, value) { for (const listener of this.listeners[event] ?? []) listener(value); }

    emit(action, value) {
      switch (action) {
        case "canMakePayment": return this.canMakePayment(value);
        case "setDisabled": this.fields.disabled = value === true; break;
        case "switchTheme": this.switchTheme(value); break;
        case "switchLanguage": case "setPayButtonStyle": case "paySuccess": case "payFail": break; // nothing to be seen here
        default: console.warn("PMdropin.emit: the stand-in does not know " + action);
      }
    }

    switchTheme(theme) { this.host.style.colorScheme = theme === "dark" ? "dark" : "light"; }

    outcome() {
      this.simulate = element("select", { name: "simulate" },
        ...Object.entries(outcomes).map(([value, text]) => element("option", { value }, text)));
      return element("label", {}, "Sandbox: this payment", this.simulate);
    }

    async token(details) {
      const { code, msg, data } = await ask("token", { ...this.keys, simulate: this.simulate.value, agreementAccepted: details.agreementAccepted });
      return code === accepted ? { code, message: "", data: { ...details, ...data } } : { code, message: msg };
    }

    // Opens the redirectUrl of an order over the page. It says that the buyer is through with it, which is not how the
    // payment has ended. An order that is final has no redirectUrl, which is no page to wait for.
    async create3DSPopup(options) {
      const page = URL.canParse(options?.url) ? new URL(options.url) : undefined;
      if (!page || page.origin === "null") throw new TypeError("PMdropin.create3DSPopup: url is required, the redirectUrl of an order");
      page.searchParams.set("popup", "");
      return new Promise(resolve => {
        const frame = element("iframe", { src: page.href, title: "3D Secure" });
        const dialog = element("dialog", {}, frame, element("button", { type: "button", onclick: () => end("USER_CANCEL") }, "Cancel"));
        const processed = event => {
          if (event.source === frame.contentWindow && event.origin === page.origin && event.data === "3DS_PROCESSED") end("3DS_PROCESSED");
        };
        const end = code => {
          removeEventListener("message", processed);
          dialog.remove();
          resolve({ code });
        };
        addEventListener("message", processed);
        dialog.addEventListener("cancel", () => end("USER_CANCEL"));
        this.root.append(dialog);
        dialog.showModal();
      });
    }
  }

  class Card extends Component {
    show(session) {
      const field = (name, label, properties) => {
        this[name] = element("input", { name, type: "text", required: true, autocomplete: "off", ...properties });
        return element("label", { className: properties.wide ? "wide" : "" }, label, this[name]);
      };
      const fields = [
        field("number", "Card number", { wide: true, inputMode: "numeric", maxLength: 23, placeholder: testCard.number }),
        field("expiry", "Expiry", { inputMode: "numeric", maxLength: 5, placeholder: "MM/YY" }),
        field("cvv", "CVV", { inputMode: "numeric", maxLength: 4, placeholder: "123" }),
      ];
      if (!this.options.hideCardHolderName) fields.push(field("name", "Name on the card", { wide: true, maxLength: 64 }));
      if (session.tokenForFutureUse && !this.options.hideSaveCard) {
        this.save = element("input", { type: "checkbox", name: "save", checked: this.options.saveCardChecked !== false });
        fields.push(element("label", { className: "wide tick" }, this.save, "Save the card for the next time"));
      }
      fields.push(element("div", { className: "sandbox" }, this.outcome(),
        element("button", { type: "button", name: "fill", onclick: () => this.fill() }, "Fill in a test card")));
      this.fields.replaceChildren(...fields);
      this.fields.addEventListener("input", () => this.check());
      this.check();
    }

    fill() {
      for (const [name, value] of Object.entries(testCard)) if (this[name]) this[name].value = value;
      this.check();
    }

    check() { this.tell("form-check", { isFormValid: this.isValid() }); }

    digits() { return this.number.value.replace(/[ -]/g, ""); }

    isValid() {
      if (!this.number) return false; // not loaded
      const [, month, year] = this.expiry.value.match(/^(0[1-9]|1[0-2])\/?(\d\d)$/) ?? [];
      return passesLuhn(this.digits()) && month !== undefined && new Date(2000 + Number(year), Number(month)) > new Date() &&
        /^\d{3,4}$/.test(this.cvv.value) && (!this.name || this.name.value.trim() !== "");
    }

    async canMakePayment() {
      if (!this.isValid()) return { code: failed, message: "the card form is not complete" };
      const number = this.digits(), expiry = this.expiry.value;
      return this.token({
        cardBinNo: number.slice(0, 6), maskCardNumber: number.slice(0, 6) + "****" + number.slice(-4),
        cardHolderFullName: this.name?.value.trim() ?? "", cardOrg: number.startsWith("4") ? "VISA" : "MASTERCARD", cardType: "CREDIT",
        cardExpirationMonth: expiry.slice(0, 2), cardExpirationYear: expiry.slice(-2), agreementAccepted: this.save?.checked ?? false,
      });
    }
  }

  const passesLuhn = number => /^\d{12,19}$/.test(number) && [...number].reverse().reduce((sum, digit, i) => {
    const value = Number(digit) * (i % 2 + 1);
    return sum + (value > 9 ? value - 9 : value);
  }, 0) % 10 === 0;

  // A wallet brings its own button; only a click on it leads to a token.
  class Wallet extends Component {
    constructor(options, name) {
      super(options);
      this.name = name;
    }

    show() {
      const pay = element("button", { type: "button", name: "pay", className: "wide", onclick: () => {
        this.clicked = true;
        this.tell("payButtonClick", null);
      } }, "Pay with " + this.name + " (stand-in)");
      this.fields.replaceChildren(pay, element("div", { className: "sandbox" }, this.outcome()));
    }

    async canMakePayment(value) {
      if (!this.clicked) return { code: failed, message: "a wallet is asked from its payButtonClick" };
      this.clicked = false;
      if (value?.totalAmount !== undefined && !/^\d+(\.\d{1,2})?$/.test(value.totalAmount)) return { code: "AMOUNT_INVALID", message: "totalAmount" };
      return this.token({ agreementAccepted: false });
    }
  }

  window.PMdropin = {
    create(name, options) {
      switch (String(name).toLowerCase()) {
        case "card": return new Card(options);
        case "applepay": return new Wallet(options, "Apple Pay");
        case "googlepay": return new Wallet(options, "Google Pay");
        default: throw new TypeError("PMdropin.create: there is no component " + name);
      }
    },
  };
})();
