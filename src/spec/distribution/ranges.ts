/** Byte ranges in headers: of a part of a blob that comes, and of what a registry has of an upload. @see RFC 9110 section 14.4 */

/** Bytes `first` to `last`, both included, of `total` where that is known. */
export interface ContentRange {
  readonly first: number;
  readonly last: number;
  readonly total: number | undefined;
}

/** Reads `bytes 100-199/1000`; undefined for anything else. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const found = /^\s*bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)\s*$/i.exec(header ?? "");
  if (found === null) return undefined;
  const [, first, last, total] = found;
  const range = {
    first: Number(first),
    last: Number(last),
    total: total === "*" ? undefined : Number(total),
  };
  return range.first <= range.last && (range.total === undefined || range.last < range.total)
    ? range
    : undefined;
}

/**
 * How many bytes of an upload a registry has, from its Range header `0-1023`, also `bytes=0-1023`.
 * "0-0" is what registries write for none at all, and one byte never is a chunk: it reads as none.
 */
export function parseUploadRange(header: string | undefined): number {
  const found = /^\s*(?:bytes=)?0-(\d{1,15})\s*$/.exec(header ?? "");
  const last = found === null ? 0 : Number(found[1]);
  return last === 0 ? 0 : last + 1;
}
