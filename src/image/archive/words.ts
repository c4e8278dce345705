/** Words as the instructions of a Dockerfile have them: apart by spaces, held together by quotes and backslashes. */

/** Splits `text`; quotes are taken off. @throws TypeError at a quote without its end */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word ??= "";
    if (char === quote) quote = "";
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === "\\" && escapes(quote, text[i + 1])) word += text[++i];
    else word += char;
  }
  if (quote !== "") throw new TypeError(`a ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

/** Whether a backslash is one here, and no character. */
function escapes(quote: string, next: string | undefined): boolean {
  if (next === undefined || quote === "'") return false;
  return quote === "" || next === '"' || next === "\\" || next === "$";
}

/**
 * `NAME=value NAME2="other value"`, or the old form `NAME all the rest`.
 * @throws TypeError where it is neither
 */
export function splitPairs(text: string): [name: string, value: string][] {
  const old = /^([^\s=]+)\s+(.*)$/s.exec(text);
  if (old) return [[old[1]!, old[2]!]];
  return splitWords(text).map((word) => {
    const equals = word.indexOf("=");
    if (equals <= 0) throw new TypeError(`${JSON.stringify(word)} must be NAME=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}
