// Asks the monitor. Every failure is an ApiError with the code of the problem; addresses are relative to the page.

import createClient from "openapi-fetch";
import { fetched } from "./early";
import type { paths } from "./schema";

const TIMEOUT_MS = 15_000; // longer than a worker waits for another one

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly code: string,
    detail: string,
    readonly retryAfterSeconds: number | null = null,
    readonly line: number | null = null,
  ) {
    super(detail);
  }
}

const base = new URL(".", document.baseURI).href.replace(/\/$/, "");

export const api = createClient<paths>({ baseUrl: base, fetch: fetched });

export const KEY = "idempotency-key";

function hashed(text: string): string {
  let hash = 0x811c9dc5; // FNV-1a
  for (let place = 0; place < text.length; place += 1) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193);
  return (hash >>> 0).toString(36);
}

/** An act names itself; the key is of that and of the request, since an act may have several and what is typed may change. */
api.use({
  async onRequest({ request }) {
    const act = request.headers.get(KEY);
    if (act) request.headers.set(KEY, `${act}-${hashed(`${request.url} ${await request.clone().text()}`)}`);
  },
});

type Answered<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

interface ProblemShape {
  code?: string;
  detail?: string;
  retry_after_seconds?: number;
  errors?: { detail: string; line?: number }[];
}

/** The body of a good answer; otherwise throws ApiError. */
export async function ok<T>(asked: Answered<T>): Promise<T> {
  let answer;
  try {
    answer = await asked;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "no_answer", "");
  }
  const { data, error, response } = answer;
  if (response.ok && data !== undefined) return data;
  const problem: ProblemShape = error && typeof error === "object" ? error : {};
  const line = problem.errors?.find((found) => found.line !== undefined)?.line ?? null;
  throw new ApiError(response.status, problem.code ?? `http_${response.status}`, problem.detail ?? response.statusText, problem.retry_after_seconds ?? null, line);
}

/** The monitor may answer otherwise soon. */
export const isPassing = (error: unknown): boolean => error instanceof ApiError && (error.status === 0 || (error.status >= 500 && error.status !== 501));

/** Whether a change was made is unknown: none of the monitor's own answers says so but that the first request still runs. */
export const isOpen = (error: unknown): boolean => error instanceof ApiError && (error.status === 0 || error.code === "request_in_flight" || error.code.startsWith("http_5"));

/** Ends a request that takes too long, or that nobody waits for any more. */
export const within = (signal?: AbortSignal): AbortSignal => {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  return signal ? AbortSignal.any([signal, limit]) : limit;
};
