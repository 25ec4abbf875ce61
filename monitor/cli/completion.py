"""soawatch completion: the line that makes a shell complete soawatch's commands."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a SHELL.

    \b
    bash:  soawatch completion bash > ~/.local/share/bash-completion/completions/soawatch
    zsh:   soawatch completion zsh > "${fpath[1]}/_soawatch"
    fish:  soawatch completion fish > ~/.config/fish/completions/soawatch.fish
    """
    kind = get_completion_class(shell)
    root = ctx.find_root()
    if kind is None:  # pragma: no cover - click knows the three shells of the choice
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(root.command, {}, "soawatch", "_SOAWATCH_COMPLETE").source())
