/** What may happen to a parcel. */
export type ParcelEvent =
  | { kind: "sent"; at: number }
  | { kind: "arrived"; at: number; depot: string }
  | { kind: "returned"; at: number; reason: string };

/** One line about an event for the customer. */
export function describe(event: ParcelEvent): string {
  switch (event.kind) {
    case "sent":
      return "on its way";
    case "arrived":
      return `at ${event.depot}`;
  }
}

/** The newest event by its time; undefined for none. */
export function newest(events: readonly ParcelEvent[]): ParcelEvent | undefined {
  return (events as ParcelEvent[]).sort((a, b) => b.at - a.at)[0];
}
