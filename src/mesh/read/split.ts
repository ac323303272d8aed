/** One document of a file, as text. */
export interface Chunk {
  readonly text: string;
  /** Which document of the file, from 1. */
  readonly document: number;
  /** The line of the file that it begins in, from 1. */
  readonly line: number;
}

/**
 * Cuts a file where documents begin, without parsing it: `---` at the start of a line means nothing else in YAML. Text with
 * directives or `...` stays whole, for what they say goes beyond a document.
 * @returns the documents that have content; numbers count those that have none, as people do
 */
export function splitDocuments(text: string): readonly Chunk[] {
  if (/^(?:%|\.\.\.(?:\s|$))/m.test(text)) return [{ text, document: 1, line: 1 }];
  const chunks: Chunk[] = [];
  const marker = /^---(?=\s|$)/gm;
  let start = 0;
  let document = 1;
  let line = 1;
  const add = (end: number) => {
    const part = text.slice(start, end);
    // What stands before the first marker is a document only if there is something in it.
    const content = hasContent(part);
    if (content) chunks.push({ text: part, document, line });
    if (content || start > 0 || part.startsWith('---')) document += 1;
    for (let at = part.indexOf('\n'); at >= 0; at = part.indexOf('\n', at + 1)) line += 1;
    start = end;
  };
  for (let found = marker.exec(text); found !== null; found = marker.exec(text)) {
    if (found.index > start) add(found.index);
  }
  add(text.length);
  return chunks;
}

/** Whether there is anything but a marker, blanks and comments. */
function hasContent(text: string): boolean {
  return /^[ \t\r]*[^\s#]/m.test(text.startsWith('---') ? text.slice(3) : text);
}
