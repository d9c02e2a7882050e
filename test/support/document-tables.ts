/** The rows of the table in a document whose head line begins with `head`, each as its cells without backticks. */
export function tableRows(text: string, head: string): string[][] {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith(head));
  if (at < 0) throw new Error(`the document has no table "${head}"`);
  const end = lines.findIndex((line, i) => i > at && !line.startsWith('|'));
  const cellsOf = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''));
  return lines.slice(at + 2, end).map(cellsOf);
}

/** Section of a document that begins with this heading, up to the next one of its rank or above. */
export function sectionOf(text: string, heading: string): string {
  const begin = text.indexOf(`${heading}\n`);
  if (begin < 0) throw new Error(`the document has no heading "${heading}"`);
  const rank = heading.indexOf(' ');
  const from = begin + heading.length;
  const end = text.slice(from).search(new RegExp(`^#{1,${rank}} `, 'm'));
  return end < 0 ? text.slice(begin) : text.slice(begin, from + end);
}
