/** A span of whole days, `to` included; a day is `YYYY-MM-DD`. */
export interface Stay {
  from: string;
  to: string;
}

const DAY_MS = 86_400_000;

/** How many nights a stay has; a stay that ends before it begins has none. */
export function nights(stay: Stay): number {
  const days = (Date.parse(stay.to) - Date.parse(stay.from)) / DAY_MS;
  return Math.max(0, days);
}

/** Whether two stays share a night; one may begin on the day that another ends. */
export function clash(a: Stay, b: Stay): boolean {
  return a.from < b.to && b.from < a.to;
}
