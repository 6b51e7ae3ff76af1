// All that a filter finds, for an export: page after page of the same question, kept in no cache.

import { useQueryClient, type FetchQueryOptions } from "@tanstack/react-query";
import type { Page } from "~/logic/all-pages";

const MOST_A_PAGE = 1000;

/** `ask` makes the question of a page, `of` takes its entries out of the answer. */
export function useEverything<A extends { next_cursor: string | null }, T>(ask: (page: { limit: number; cursor: string | null }) => unknown, of: (answer: A) => readonly T[]) {
  const client = useQueryClient();
  return async (cursor: string | null): Promise<Page<T>> => {
    const answer = await client.fetchQuery<A>({ ...(ask({ limit: MOST_A_PAGE, cursor }) as FetchQueryOptions<A>), gcTime: 0 });
    return { found: of(answer), next: answer.next_cursor };
  };
}
