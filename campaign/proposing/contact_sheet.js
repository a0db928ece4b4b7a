// Collects the decisions of the form; saves picks.json and writes the line that records them.
const form = document.querySelector('form');
const texts = JSON.parse(document.getElementById('texts').textContent);
const reasonOf = (name) => form.elements[`reason ${name}`].value.trim();

function decisions() {
  const picked = [], rejected = [];
  for (const radio of form.querySelectorAll('input[type=radio]:checked')) {
    if (radio.value === 'pick') picked.push(radio.name);
    if (radio.value === 'reject') rejected.push({ name: radio.name, reason: reasonOf(radio.name) });
  }
  return { picked, rejected };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function update() {
  const { picked, rejected } = decisions();
  const parts = [texts.command];
  if (picked.length) parts.push(`--names=${picked.join(',')}`);
  for (const r of rejected) parts.push(`--reject=${quoted(`${r.name}:${r.reason}`)}`);
  document.getElementById('line').textContent = parts.length > 1 ? parts.join(' ') : '';
  document.getElementById('count').textContent = texts.count
    .replace('{p}', picked.length).replace('{r}', rejected.length);
}

form.addEventListener('input', (event) => {
  // A reason alone rejects.
  if (event.target.type === 'text' && event.target.value) {
    const name = event.target.name.replace('reason ', '');
    form.querySelector(`input[name="${name}"][value=reject]`).checked = true;
  }
  update();
});
document.getElementById('save').addEventListener('click', () => {
  const blob = new Blob([JSON.stringify(decisions(), null, 1) + '\n'], { type: 'application/json' });
  const a = document.createElement('a');
  a.href = URL.createObjectURL(blob);
  a.download = 'picks.json';
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
});
document.getElementById('copy').addEventListener('click', async () => {
  const line = document.getElementById('line').textContent;
  try { await navigator.clipboard.writeText(line); } catch { getSelection().selectAllChildren(document.getElementById('line')); }
  document.getElementById('count').textContent = texts.copied;
});
form.addEventListener('submit', (event) => event.preventDefault());
update();
