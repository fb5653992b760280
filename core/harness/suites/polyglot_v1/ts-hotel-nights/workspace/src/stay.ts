/** A span of whole days, `to` included; a day is `YYYY-MM-DD`. */
export interface Stay {
  from: string;
  to: string;
}

/** How many nights a stay has; a stay that ends before it begins has none. */
export function nights(stay: Stay): number {
  return Number(stay.to.slice(8)) - Number(stay.from.slice(8));
}

/** Whether two stays share a night; one may begin on the day that another ends. */
export function clash(a: Stay, b: Stay): boolean {
  return a.from <= b.to && b.from <= a.to;
}
