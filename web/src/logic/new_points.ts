import type { News, Points, Series } from "../server/types";

/** A series with new points behind the known ones. */
export function grown(series: Series, news: News): Series {
  const last = series.points.step[series.points.step.length - 1] ?? -Infinity;
  const special = (news.special ?? []).filter(({ step }) => step > last);
  return { ...series, count: news.count ?? series.count ?? 0, points: appended(series.points, news), special: [...series.special, ...special] };
}

/**
 * New points behind the known ones. Where both were buckets before, a new point is its own least and greatest; and an
 * extreme of all values that no point shows is one that was not kept, since the last point.
 */
export function appended(points: Points, news: News): Points {
  const last = points.step[points.step.length - 1] ?? -Infinity;
  const keep = news.step.map((step) => step > last);
  const pick = <T>(column: readonly T[]): T[] => column.filter((_, at) => keep[at]);
  const joined: Points = {
    step: [...points.step, ...pick(news.step)],
    wall: [...points.wall, ...pick(news.wall)],
    active: [...points.active, ...pick(news.active)],
    value: [...points.value, ...pick(news.value)],
  };
  if (points.min && points.max) {
    joined.min = withExtreme([...points.min, ...pick(news.value)], news.min, Math.min);
    joined.max = withExtreme([...points.max, ...pick(news.value)], news.max, Math.max);
  }
  return joined;
}

function withExtreme(column: (number | null)[], known: number | null | undefined, choose: (a: number, b: number) => number): (number | null)[] {
  if (typeof known !== "number" || column.length === 0) return column;
  const there = column.reduce((found, one) => (one === null ? found : found === null ? one : choose(found, one)), null);
  if (there === null || choose(there, known) !== there) column[column.length - 1] = known;
  return column;
}
