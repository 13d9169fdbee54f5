"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  function samples() {
    const list = byId("sample-list");
    if (!list) return;
    const items = [...list.children].map((element) => ({
      element,
      text: fold([...element.querySelectorAll(".text")].map((e) => e.textContent).join("\n")),
    }));
    const search = byId("sample-search");
    const sort = byId("sample-sort");

    function fold(text) {
      return text.normalize("NFC").toLocaleLowerCase();
    }
    function filter() {
      const words = fold(search.value).split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const item of items) {
        const match = words.every((word) => item.text.includes(word));
        item.element.hidden = !match;
        shown += match;
      }
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
    }
    search.addEventListener("input", filter);
    sort.addEventListener("change", order);
    byId("sample-controls").addEventListener("submit", (event) => event.preventDefault());
    byId("sample-controls").hidden = false;
    filter();
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

  samples();
  gallery();
  printing();
})();
