// A titled surface.

import type { ReactNode } from "react";

export function Panel({ title, tools, children, id }: { title?: ReactNode; tools?: ReactNode; children: ReactNode; id?: string }) {
  return (
    <section className="panel" id={id}>
      {title ? (
        <div className="panel-head">
          <h2>{title}</h2>
          {tools ? <div className="row push">{tools}</div> : null}
        </div>
      ) : null}
      {children}
    </section>
  );
}
