/** A line of an order. */
export interface Line {
  name: string;
  cents: number;
  count?: number;
}

/** What an order costs in cents; a line without a count is one piece. */
export function total(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + line.cents * (line.count), 0);
}
