// The Pareto front of size against score: what no other point beats in one without losing in the other.
export interface Point {
  readonly bytes: number;
  readonly score: number;
}

/** The points of the front, smallest first. Of points that are equal in both the first one given stays. */
export function paretoFront<P extends Point>(points: readonly P[]): P[] {
  const front: P[] = [];
  for (const point of [...points].sort((a, b) => a.bytes - b.bytes || b.score - a.score)) {
    const best = front.at(-1);
    if (best === undefined || point.score > best.score) front.push(point);
  }
  return front;
}
