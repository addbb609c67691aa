/** Where a value lies between two others, 0 to 1. Also where their distance is more than the greatest number. */
export function part(value: number, low: number, high: number): number {
  const distance = high - low;
  return Number.isFinite(distance) ? (value - low) / distance : (value / 2 - low / 2) / (high / 2 - low / 2);
}

/** The value at this place between the two, 0 to 1. */
export function between(low: number, high: number, at: number): number {
  const distance = high - low;
  return Number.isFinite(distance) ? low + distance * at : low * (1 - at) + high * at;
}
