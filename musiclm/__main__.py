"""`python -m musiclm` is the `musiclm` command."""

from musiclm.cli.main import main

if __name__ == "__main__":
    main()
