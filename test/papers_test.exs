defmodule NativeGossip.PapersTest do
  use ExUnit.Case, async: true

  alias NativeGossip.{Doctor, Events, Options, Probe}
  alias NativeGossip.Test.Told

  @third_party "THIRD-PARTY.md"
  @papers (Path.wildcard("*.md") -- [@third_party]) ++ Path.wildcard("docs/*.md")

  for paper <- @papers do
    test "each link of #{paper} to a file of this project leads to one, and to a heading that it has" do
      paper = unquote(paper)

      for {file, anchor} <- links(paper) do
        target = Path.join(Path.dirname(paper), file)
        assert File.regular?(target), "#{paper} links to #{file}, which is not there"
        assert anchor == nil or anchor in headings(target), "#{file} has no heading ##{anchor}"
      end
    end
  end

  test "each file that a paper names is there" do
    files = Path.wildcard("{lib,native,test,dev,demo,bench,bin,docs,config}/**")

    for paper <- @papers, name <- files_named(paper) do
      assert Enum.any?(files, &(&1 == name or String.ends_with?(&1, "/" <> name))),
             "#{paper} names #{name}"
    end
  end

  test "the crates that the library is made with are those whose licenses are told" do
    tree =
      ~w(tree --locked --package native_gossip_nif --edges normal --target all --all-features) ++
        ~w(--prefix none --format {p})

    {crates, 0} = System.cmd("cargo", tree)

    of_library =
      for [_, name, version] <- Regex.scan(~r/^(\S+) v(\S+)/m, crates), do: {name, version}

    ours? = fn {name, _} -> String.starts_with?(name, "native_gossip_") end

    told =
      for [_, name, version] <- Regex.scan(~r/^- (\S+) (\S+)$/m, File.read!(@third_party)),
          do: {name, version}

    assert Enum.sort(Enum.uniq(told)) == Enum.sort(Enum.reject(Enum.uniq(of_library), ours?)),
           "bin/licenses writes it again"
  end

  test "each config that the papers show is one that a strategy takes" do
    shown =
      for paper <- @papers,
          [_, config] <- Regex.scan(~r/^config: (\[.+\])$/m, File.read!(paper)) do
        {config, _bindings} = Code.eval_string(config)
        Options.validate!(config, :lan)
      end

    assert shown != []
  end

  test "each secret that the papers show is one that a strategy warns of" do
    shown =
      for paper <- @papers,
          text = File.read!(paper),
          pattern <- [~r/GOSSIP_SECRET=([^\s"$]+)/, ~r/`\["(\w+)"(?:, "(\w+)")?\]`/],
          [_ | secrets] <- Regex.scan(pattern, text),
          do: secrets

    assert Enum.uniq(List.flatten(shown)) -- ~w(choose-one old new) == []
    for secret <- List.flatten(shown), do: assert(Options.Secret.documented?(secret), secret)
  end

  test "docs/operations.md has the tables of causes and of findings as they are rendered" do
    operations = File.read!("docs/operations.md")
    assert operations =~ Probe.Cause.table()
    assert operations =~ Doctor.Kind.table()
  end

  test "docs/upgrading.md has a row for each line of the log, and no row without a line" do
    rows = for row <- lines_of_the_log(), do: {row, pattern(row)}
    lines = for({_event, {_fields, line}} <- Told.events(), do: line) ++ refusals()

    without_row = for line <- lines, not Enum.any?(rows, fn {_, row} -> line =~ row end), do: line
    without_line = for {row, told} <- rows, not Enum.any?(lines, &(&1 =~ told)), do: row
    assert {without_row, without_line} == {[], []}
  end

  test "each file that the package and the documentation are made of is there" do
    project = Mix.Project.config()
    docs = project[:docs].()
    assert docs[:extras] -- @papers == ["LICENSE-MIT", "LICENSE-APACHE", @third_party]
    assert @papers -- docs[:extras] == []

    for pattern <- docs[:extras] ++ project[:package][:files] do
      assert Path.wildcard(pattern) != [], pattern
    end
  end

  # Links elsewhere have a scheme; a link within a page has no file.
  defp links(paper) do
    for [_, link] <- Regex.scan(~r/\]\(([^)\s]+)\)/, File.read!(paper)), not (link =~ "://") do
      case String.split(link, "#") do
        [file] -> {file, nil}
        ["", anchor] -> {Path.basename(paper), anchor}
        [file, anchor] -> {file, anchor}
      end
    end
  end

  # What stands between backticks, itself or in a command: bin/demo, peers/, peers/state.rs.
  defp files_named(paper) do
    for [_, code] <- Regex.scan(~r/`([^`\n]+)`/, File.read!(paper)),
        word <- String.split(code),
        word =~ ~r"\A(bin/[\w-]+|[\w/]+/|[\w/-]+\.(rs|exs?|json|toml|sh))\z",
        word not in ["mix.exs", "doc/"],
        do: String.trim_trailing(word, "/")
  end

  # The first column of the table of log lines.
  defp lines_of_the_log do
    [_, section] =
      String.split(File.read!("docs/upgrading.md"), "\n## What to look for in the log\n")

    [section | _] = String.split(section, "\n## ")

    for [_, cell] <- Regex.scan(~r/^\| (`[^|]+) \|/m, section),
        [_, line] <- Regex.scan(~r/`([^`]+)`/, cell),
        do: line
  end

  # "…" stands for what differs, up to the next ": "; at the end for the rest of the line.
  defp pattern(row) do
    whole = String.trim_trailing(row, " …")
    rest = if whole == row, do: "", else: "(\\W.*)?"
    fixed = whole |> String.split("…") |> Enum.map_join("((?!: ).)+", &Regex.escape/1)
    Regex.compile!("^#{fixed}#{rest}$")
  end

  defp refusals do
    for cause <- Events.refusals() do
      fields = %{cause: cause, packets: 1, source: {{10, 0, 0, 9}, 45_892}, interface: nil}
      Events.sentence(:packets_refused, fields)
    end
  end

  # As GitHub and ExDoc make anchors of them.
  defp headings(file) do
    for [_, heading] <- Regex.scan(~r/^#+ (.+)$/m, File.read!(file)) do
      heading
      |> String.downcase()
      |> String.replace(~r/[^\p{L}\p{N} -]/u, "")
      |> String.trim()
      |> String.replace(" ", "-")
    end
  end
end
