// What Mantine asks of a browser and jsdom does not have.

class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
}

export function fillDom(): void {
  Object.assign(window, { matchMedia: () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }), ResizeObserver: Observer });
}
