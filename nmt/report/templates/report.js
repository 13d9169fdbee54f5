"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  function samples() {
    const list = byId("sample-list");
    if (!list) return;
    const items = [...list.children].map((element) => ({
      element,
      text: fold([...element.querySelectorAll(".text")].map((e) => e.textContent).join("\n")),
      flags: [...element.querySelectorAll(".flag")].map((e) => e.textContent),
    }));
    const flag = byId("sample-flag");
    const search = byId("sample-search");
    const sort = byId("sample-sort");

    function fold(text) {
      return text.normalize("NFC").toLocaleLowerCase();
    }
    function filter() {
      const words = fold(search.value).split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const item of items) {
        const flagged = !flag?.value || item.flags.includes(flag.value);
        const match = flagged && words.every((word) => item.text.includes(word));
        item.element.hidden = !match;
        shown += match;
      }
      list.parentElement.hidden = shown === 0;
      list.parentElement.scrollTo(0, 0);
      byId("sample-count").textContent = `${shown} of ${items.length}`;
      byId("sample-none").hidden = shown > 0;
    }
    function order() {
      const [key, direction] = sort.value.split(" ");
      const sign = direction === "down" ? -1 : 1;
      // Sentences without the number come last whichever way the others run.
      const value = ({ element }) =>
        element.dataset[key] === undefined ? Infinity : sign * Number(element.dataset[key]);
      items.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        return x === y ? a.element.dataset.given - b.element.dataset.given : x < y ? -1 : 1;
      });
      list.append(...items.map((item) => item.element));
      list.parentElement.scrollTo(0, 0);
    }
    search.addEventListener("input", filter);
    flag?.addEventListener("change", filter);
    sort.addEventListener("change", order);
    byId("sample-controls").addEventListener("submit", (event) => event.preventDefault());
    byId("sample-controls").hidden = false;
    filter();
  }

  // The words of a translation, and where each of them looked.
  function looking() {
    const holder = byId("attention-data");
    if (!holder) return;
    const data = JSON.parse(holder.textContent);
    for (const card of document.querySelectorAll("[data-looked]")) {
      lookedAt(card, data[Number(card.dataset.looked)]);
    }
    byId("look-hint").hidden = false;
  }

  function lookedAt(card, { source, target, weights }) {
    const rows = weights.map((row) => row.split(" ").map(Number));
    const sources = wordsOf(card.querySelector(".source dd"), source, "source");
    const targets = wordsOf(card.querySelector(".translation dd"), target, "target");
    const list = targets[0].parentElement;
    const told = byId("look-weights");
    let chosen = -1;

    function choose(index) {
      targets[chosen]?.classList.remove("chosen");
      targets[chosen]?.setAttribute("aria-selected", "false");
      chosen = index;
      sources.forEach((word, place) => {
        const weight = index < 0 ? 0 : rows[index][place];
        word.toggleAttribute("data-weight", weight > 0);
        word.style.setProperty("--weight", `${weight}%`);
      });
      told.hidden = index < 0;
      if (index < 0) return list.removeAttribute("aria-activedescendant");
      targets[index].classList.add("chosen");
      targets[index].setAttribute("aria-selected", "true");
      list.setAttribute("aria-activedescendant", targets[index].id);
      const rest = 100 - rows[index].reduce((sum, weight) => sum + weight, 0);
      const seen = rows[index].map((weight, place) => [weight, sources[place].textContent]);
      if (rest > 0) seen.push([rest, "the end of the sentence"]);
      const most = seen.sort((a, b) => b[0] - a[0]).filter(([weight]) => weight >= 5).slice(0, 4);
      const parts = most.map(([weight, word]) => `${word} ${weight} %`);
      told.textContent = `${targets[index].textContent} ← ${parts.join(", ") || "no single word"}`;
    }
    const focused = () => document.activeElement === list;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Words of the translation; choose one to see where it looked");
    list.tabIndex = 0;
    targets.forEach((word, index) => {
      word.id = `look-${card.dataset.looked}-${index}`;
      word.setAttribute("role", "option");
      word.setAttribute("aria-selected", "false");
      word.addEventListener("mouseenter", () => choose(index));
      word.addEventListener("click", () => {
        list.focus();
        choose(index);
      });
    });
    list.addEventListener("mouseleave", () => focused() || choose(-1));
    list.addEventListener("focus", () => chosen < 0 && choose(0));
    list.addEventListener("blur", () => choose(-1));
    list.addEventListener("keydown", (event) => {
      const last = targets.length - 1;
      const places = { ArrowRight: chosen + 1, ArrowLeft: chosen - 1, Home: 0, End: last };
      if (event.key === "Escape") list.blur();
      if (!(event.key in places)) return;
      event.preventDefault();
      choose(Math.min(Math.max(places[event.key], 0), last));
    });
  }

  // Make each word of a line an element; where the model reads other words, show those below it.
  function wordsOf(line, labels, side) {
    const looked = document.createElement("span");
    looked.className = `looked ${side}`;
    const text = line.textContent.trim();
    let parts = found(text, labels) ?? between(text, labels);
    if (parts) {
      line.replaceChildren();
    } else {
      parts = labels.map((label, index) => [index ? " " : "", label]);
      line.append(document.createElement("br"));
      looked.classList.add("read");
    }
    line.append(looked);
    return parts.map(([blank, part]) => {
      const word = document.createElement("span");
      word.className = "word";
      word.textContent = part;
      looked.append(blank, word);
      return word;
    });
  }

  // The words, each with the blanks before it, where they are the text; else null.
  function found(text, labels) {
    const parts = [];
    let place = 0;
    for (const label of labels) {
      const start = place + text.slice(place).search(/\S|$/);
      if (!text.startsWith(label, start)) return null;
      parts.push([text.slice(place, start), label]);
      place = start + label.length;
    }
    return text.slice(place) ? null : parts;
  }

  // What stands between the blanks where that is as many words, if in another spelling; else null.
  function between(text, labels) {
    const parts = [...text.matchAll(/(\s*)(\S+)/g)].map((match) => match.slice(1));
    return parts.length === labels.length ? parts : null;
  }

  function theme() {
    const button = byId("theme");
    const choices = ["automatic", "light", "dark"];
    let chosen = 0;
    try {
      chosen = Math.max(choices.indexOf(localStorage.getItem("nmt-colours")), 0);
    } catch {
      // Some browsers keep nothing for pages from disk.
    }
    function show() {
      if (chosen) document.documentElement.dataset.theme = choices[chosen];
      else delete document.documentElement.dataset.theme;
      button.textContent = `Colours: ${choices[chosen]}`;
    }
    button.addEventListener("click", () => {
      chosen = (chosen + 1) % choices.length;
      show();
      try {
        localStorage.setItem("nmt-colours", choices[chosen]);
      } catch {
        // See above.
      }
    });
    button.hidden = false;
    show();
  }

  function gallery() {
    const viewer = byId("viewer");
    if (!viewer) return;
    const buttons = [...document.querySelectorAll("button.picture")];
    const stage = byId("viewer-stage");
    const picture = stage.appendChild(new Image());
    let current = 0;

    function show(index) {
      current = (index + buttons.length) % buttons.length;
      const image = buttons[current].querySelector("img");
      picture.src = image.src;
      picture.alt = image.alt;
      picture.width = image.getAttribute("width");
      picture.height = image.getAttribute("height");
      byId("viewer-name").textContent = buttons[current].querySelector(".name").textContent;
      byId("viewer-place").textContent = `${current + 1} of ${buttons.length}`;
      stage.scrollTo(0, 0);
    }
    buttons.forEach((button, index) =>
      button.addEventListener("click", () => {
        show(index);
        viewer.showModal();
        byId("viewer-close").focus();
      }),
    );
    byId("viewer-back").addEventListener("click", () => show(current - 1));
    byId("viewer-next").addEventListener("click", () => show(current + 1));
    byId("viewer-close").addEventListener("click", () => viewer.close());
    byId("viewer-size").addEventListener("click", (event) => {
      const actual = stage.classList.toggle("actual");
      event.currentTarget.setAttribute("aria-pressed", actual);
    });
    viewer.addEventListener("keydown", (event) => {
      // In full size the arrows scroll the picture once it has the focus.
      if (document.activeElement === stage && stage.classList.contains("actual")) return;
      if (event.key === "ArrowLeft") show(current - 1);
      if (event.key === "ArrowRight") show(current + 1);
    });
    viewer.addEventListener("click", (event) => {
      if (event.target === viewer) viewer.close();
    });
    viewer.addEventListener("close", () => buttons[current].focus());
  }

  function printing() {
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = [...document.querySelectorAll("details:not([open])")];
      closed.forEach((element) => (element.open = true));
    });
    addEventListener("afterprint", () => closed.forEach((element) => (element.open = false)));
  }

  theme();
  samples();
  looking();
  gallery();
  printing();
})();
