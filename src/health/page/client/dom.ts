/** The few things that the page does to its document. Text from data goes in as text, never as HTML. */

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** Leaves alone what is right already, so that a selection stays and a screen reader does not say it again. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setData(node: HTMLElement, name: string, value: string): void {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

export function element(tag: string, className: string, ...children: readonly Element[]): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

export interface Item {
  readonly key: string;
}

/** Makes the children of a parent those of a list, in its order: each keeps its element for as long as it is in the list. */
export function keepList<T extends Item>(
  parent: Element,
  items: readonly T[],
  make: () => HTMLElement,
  fill: (node: HTMLElement, item: T) => void,
): void {
  const old = new Map<string, HTMLElement>();
  for (const child of parent.children) {
    if (child instanceof HTMLElement) old.set(child.dataset['key'] ?? '', child);
  }
  for (const [index, item] of items.entries()) {
    const node = old.get(item.key) ?? make();
    old.delete(item.key);
    node.dataset['key'] = item.key;
    fill(node, item);
    const there = parent.children[index];
    if (there !== node) parent.insertBefore(node, there ?? null);
  }
  for (const node of old.values()) node.remove();
}

export interface Row extends Item {
  readonly cells: readonly Cell[];
  /** `data-*` of the row, for the style sheet. */
  readonly data: Readonly<Record<string, string>>;
}

export interface Cell {
  readonly name: string;
  readonly text: string;
}

/** Fills the body of a table. The first cell of a row is its header. */
export function keepRows(body: Element, rows: readonly Row[]): void {
  keepList(
    body,
    rows,
    () => role(element('tr', ''), 'row'),
    (node, { cells, data }) => {
      for (const [name, value] of Object.entries(data)) setData(node, name, value);
      for (const [index, { name, text }] of cells.entries()) {
        const cell = node.children[index] ?? node.appendChild(makeCell(index, name));
        setText(cell, text);
      }
    },
  );
}

function makeCell(index: number, name: string): HTMLElement {
  const cell = index === 0 ? role(element('th', name), 'rowheader') : role(element('td', name), 'cell');
  if (index === 0) cell.setAttribute('scope', 'row');
  cell.dataset['label'] = name;
  return cell;
}

/**
 * Says again what the elements of the page are: where the style sheet makes blocks of rows or takes the numbers off a list, some
 * browsers forget that these are a table and a list.
 */
export function nameRoles(): void {
  for (const [selector, name] of ROLES) {
    for (const node of document.querySelectorAll<HTMLElement>(selector)) role(node, name);
  }
}

const ROLES = [
  ['ol, ul', 'list'],
  ['table', 'table'],
  ['thead, tbody', 'rowgroup'],
  ['thead tr', 'row'],
  ['thead th', 'columnheader'],
] as const;

function role(node: HTMLElement, name: string): HTMLElement {
  node.setAttribute('role', name);
  return node;
}
