// SPDX-License-Identifier: Apache-2.0
//
// The page of the HTTP API: reads the server's description of itself, shows each command with its keys, and sends what is typed.
// Everything shown is put in as text.

/** An element with attributes and children; strings are texts. */
function make(name, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...children);
  return element;
}

/** What a key takes, in a few words. */
function kindOf(schema) {
  if (schema.type === 'array') return `array of ${schema.items?.type ?? 'values'}s`;
  return schema.type ?? 'any JSON';
}

/** A value to begin with. */
function example(name, schema) {
  if (schema.type === 'integer') return Math.max(schema.minimum ?? 0, Math.min(10, schema.maximum ?? 10));
  if (schema.type === 'boolean') return false;
  if (name === 'commands') return [{ type: 'publish', room: 'lobby', data: 'hello' }, { type: 'info' }];
  if (schema.type === 'array') return ['lobby'];
  if (schema.type === 'object') return {};
  if (schema.type === 'string') return { room: 'lobby', to: 'guest-1' }[name] ?? name;
  return 'hello';
}

function exampleBody(schema) {
  const names = schema.required ?? [];
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, example(name, schema.properties[name])])), null, 2);
}

function keysTable(schema) {
  const rows = Object.entries(schema.properties).map(([name, key]) => make('tr', {},
    make('td', {}, make('code', {}, name)), make('td', {}, kindOf(key)),
    make('td', {}, schema.required?.includes(name) ? 'must' : 'may'), make('td', {}, key.description ?? '')));
  return rows.length ? make('table', {}, make('tbody', {}, ...rows)) : make('p', {}, 'It takes no keys.');
}

async function send(path, body, output) {
  const key = document.getElementById('key').value;
  const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };
  output.textContent = '…';
  try {
    const response = await fetch(`v1${path}`, { method: 'POST', headers, body });
    const text = await response.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* as it came */ }
    output.textContent = `${response.status} ${response.statusText}\n\n${shown}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function command(path, { post }) {
  const schema = post.requestBody.content['application/json'].schema;
  const body = make('textarea', { rows: 6, value: exampleBody(schema), spellcheck: false, ariaLabel: `Body of ${path}` });
  const output = make('pre', { ariaLive: 'polite' }, 'The answer comes here.');
  const button = make('button', { type: 'button' }, `Send ${path}`);
  button.addEventListener('click', () => send(path, body.value, output));
  return make('details', { id: post.operationId },
    make('summary', {}, make('code', {}, path), ` ${post.summary}`),
    make('p', {}, post.description ?? ''), keysTable(schema), body, make('p', {}, button), output);
}

const commands = document.getElementById('commands');
try {
  const response = await fetch('v1/openapi.json');
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  const { paths } = await response.json();
  commands.replaceChildren(...Object.entries(paths).map(([path, item]) => command(path, item)));
} catch (error) {
  commands.replaceChildren(make('p', {}, `The description could not be read: ${error.message}`));
}
