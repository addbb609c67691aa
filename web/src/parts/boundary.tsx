import { Component, type ComponentChildren, type JSX } from "preact";

interface BoundaryProps {
  /** The subject of the sentence that a person reads instead: `This view cannot be shown`. */
  what: string;
  /** When this changes, it is tried again. */
  again: unknown;
  children: ComponentChildren;
}

/** A fault in one part of the page leaves the others alone, and is reported. */
export class Boundary extends Component<BoundaryProps, { fault: string | null }> {
  override state = { fault: null };

  static override getDerivedStateFromError(error: unknown): { fault: string } {
    return { fault: error instanceof Error ? error.message : String(error) };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override componentDidUpdate(before: BoundaryProps): void {
    if (this.state.fault !== null && before.again !== this.props.again) this.setState({ fault: null });
  }

  override render(): JSX.Element {
    const { fault } = this.state;
    if (fault === null) return <>{this.props.children}</>;
    return (
      <p class="problem" role="alert">
        {this.props.what} cannot be shown: {fault}. It is a fault of the page; a reload tries again.
      </p>
    );
  }
}
