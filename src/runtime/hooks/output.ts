/** What a hook printed, as part of a message. */

/** As much of it as a message has room for. */
const mostCharacters = 400;

/** One line of what may be anything. */
export function oneLine(text: string): string {
  const line = text
    .trim()
    .replaceAll(/\s*\n\s*/g, "; ")
    .replaceAll(/[\p{Cc}\ufffd]+/gu, "?");
  return line.length > mostCharacters ? `${line.slice(0, mostCharacters)}…` : line;
}
