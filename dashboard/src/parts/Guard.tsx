// Where a part of the page breaks, the rest stays: the broken part is replaced until `at` changes.

import { Component, type ComponentType, type ReactNode } from "react";

interface Props {
  page: ComponentType<{ error: unknown }>;
  at?: string;
  children: ReactNode;
}

export class Guard extends Component<Props, { error: unknown; at: string | undefined }> {
  override state = { error: null as unknown, at: this.props.at };

  static getDerivedStateFromError = (error: unknown) => ({ error });

  static getDerivedStateFromProps = ({ at }: Props, state: { at: string | undefined }) => (at === state.at ? null : { error: null, at });

  override render() {
    const { page: Broken, children } = this.props;
    return this.state.error ? <Broken error={this.state.error} /> : children;
  }
}
