// What a part of the page stands in: its providers. Nothing here waits for a clock: a busy machine changes nothing.

import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, render } from "@testing-library/react";
import type { ReactNode } from "react";
import { MemoryRouter } from "react-router";
import { PreferencesProvider } from "~/app/preferences";
import { RefreshProvider } from "~/app/refresh";

export function rendered(part: ReactNode): void {
  render(
    <MantineProvider withCssVariables={false} env="test">
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <PreferencesProvider>
          <RefreshProvider>
            <MemoryRouter>{part}</MemoryRouter>
          </RefreshProvider>
        </PreferencesProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

/** Waits for what happens, however busy the machine is; the limit of the test ends it. */
export async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await act(() => new Promise((next) => setTimeout(next)));
}
