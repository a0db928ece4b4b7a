// Collects the decisions of the form; saves picks.json and writes the line that records them.
const form = document.querySelector('form');
const byId = (id) => document.getElementById(id);
const [count, done, line, save] = ['count', 'done', 'line', 'save'].map(byId);
const bar = form.querySelector('.bar');
const texts = JSON.parse(byId('texts').textContent);
const draft = `campaign sheet ${texts.sheet}`;
const reasonOf = (name) => form.elements[`reason ${name}`];
const choice = (name, value) => form.querySelector(`input[name="${name}"][value="${value}"]`);
const touched = new Set(); // names on which something was chosen here
let isUnkept = false; // where the browser keeps nothing for this page

function decisions() {
  const picked = [], rejected = [], undecided = [];
  for (const radio of form.querySelectorAll('input[type=radio]:checked')) {
    const { name, value } = radio;
    if (value === 'pick') picked.push(name);
    if (value === 'reject') rejected.push({ name, reason: reasonOf(name).value.trim() });
    if (value === '') undecided.push(name);
  }
  return { picked, rejected, undecided };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Says a text in a live region; the same text a second time is said again. */
function say(text) {
  done.textContent = '';
  if (text) setTimeout(() => { done.textContent = text; }, 50);
}

function update() {
  const { picked, rejected, undecided } = decisions();
  const undone = undecided.filter((name) => touched.has(name) || !choice(name, '').defaultChecked);
  const parts = [texts.command];
  if (picked.length) parts.push(`--names=${picked.join(',')}`);
  for (const r of rejected) parts.push(`--reject=${quoted(`${r.name}:${r.reason}`)}`);
  if (undone.length) parts.push(`--undecided=${undone.join(',')}`);
  line.value = parts.length > 1 ? parts.join(' ') : '';
  const text = texts.count.replace('{p}', picked.length).replace('{r}', rejected.length);
  if (count.textContent !== text) count.textContent = text; // is read aloud when it changes
}

/** Keeps what is chosen in the browser. */
function keep() {
  const kept = { ...decisions(), touched: [...touched] };
  try { localStorage.setItem(draft, JSON.stringify(kept)); } catch { isUnkept = true; }
}

/** Brings back what was chosen on this sheet before a reload. */
function bringBack() {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(draft)); } catch { return; }
  if (!kept) return;
  for (const name of kept.touched ?? []) touched.add(name);
  for (const radio of form.querySelectorAll('input[type=radio][value=""]')) radio.checked = true;
  for (const name of kept.picked) choice(name, 'pick').checked = true;
  for (const { name, reason } of kept.rejected) {
    choice(name, 'reject').checked = true;
    reasonOf(name).value = reason;
  }
}

form.addEventListener('input', (event) => {
  if (event.target === line) return;
  // A reason alone rejects.
  if (event.target.type === 'text' && event.target.value) {
    choice(event.target.name.replace('reason ', ''), 'reject').checked = true;
  }
  touched.add(event.target.name.replace('reason ', ''));
  say('');
  update();
  keep();
});
form.addEventListener('keydown', (event) => {
  const card = event.target.closest('fieldset');
  if (event.key !== 'Enter' || event.isComposing || !card) return;
  event.preventDefault();
  const cards = [...form.querySelectorAll('fieldset')];
  const other = cards[cards.indexOf(card) + (event.shiftKey ? -1 : 1)];
  const next = other ? other.querySelector(':checked') : event.shiftKey ? null : save;
  other?.scrollIntoView({ block: 'nearest' });
  next?.focus();
});
save.addEventListener('click', () => {
  // The pictures' digests: names of a later sheet may mean others.
  const saved = { ...decisions(), pictures: texts.pictures };
  const text = `${JSON.stringify(saved, null, 1)}\n`;
  const blob = new Blob([text], { type: 'application/json' });
  const a = document.createElement('a');
  a.href = URL.createObjectURL(blob);
  a.download = 'picks.json';
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
  isUnkept = false;
  say(texts.saved);
});
byId('copy').addEventListener('click', async () => {
  if (!line.value) return say(texts.nothing);
  try {
    await navigator.clipboard.writeText(line.value);
    say(texts.copied);
  } catch {
    line.select(); // and moves the focus there
    say(texts.selected);
  }
});
form.addEventListener('submit', (event) => event.preventDefault());
addEventListener('beforeunload', (event) => isUnkept && event.preventDefault());
// What has the focus is not scrolled to below the bar.
new ResizeObserver(() => {
  const covered = getComputedStyle(bar).position === 'sticky' ? bar.offsetHeight + 8 : 0;
  document.documentElement.style.scrollPaddingBottom = `${covered}px`;
}).observe(bar);
bringBack();
update();
