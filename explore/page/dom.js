// Builds elements. Text is always set as text, never parsed as HTML.

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria") && name !== "list") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

let number = 0;

// Returns a label with its input: the label is read out, and a click on it focuses the input.
export function field(text, input, { after } = {}) {
  input.id ||= `field${++number}`;
  return h("div", { className: "field" }, h("label", { htmlFor: input.id }, text), input, after);
}

export function select(options, value, onchange) {
  const element = h("select", { onchange: () => onchange(element.value) });
  for (const [key, text] of options) element.append(h("option", { value: key }, text));
  element.value = value;
  return element;
}

// Returns a slider that shows its value; `oninput` while it moves, `onchange` when it rests.
export function slider(text, { min, max, step, value, show = (v) => v, oninput, onchange }) {
  const output = h("output", {}, show(value));
  const input = h("input", {
    type: "range", min, max, step,
    oninput: () => {
      output.textContent = show(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
      oninput?.(Number(input.value));
    },
    onchange: () => onchange?.(Number(input.value)),
  });
  input.value = value;
  input.setAttribute("aria-valuetext", show(value));
  return field(text, input, { after: output });
}

export function button(text, onclick, props = {}) {
  return h("button", { type: "button", onclick, ...props }, text);
}
