package org.loft4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.loft4j.hostile.HostileFormat;
import org.loft4j.model.Fixture;

/** tokenizer.json, which native code reads, and the files beside it. */
class DamagedTokenizerTest implements HostileFormat {
    private static final String TEXT =
            "Once upon a time, there was a tiny 🐈 \u0000 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 12345!";

    @Override
    public List<Path> lay(Path folder) throws IOException {
        List<Path> targets = new ArrayList<>();
        for (String name : List.of("stories260K", "tiny_unigram", "tiny_wordpiece")) {
            Path from = name.equals("stories260K")
                    ? Fixture.directory(name)
                    : Fixture.directory("stories260K").resolveSibling(name);
            Path to = Files.createDirectory(folder.resolve(name));
            try (Stream<Path> files = Files.list(from)) {
                for (Path file : files.filter(file ->
                                Tokenizer.FILES.contains(file.getFileName().toString())
                                        || file.endsWith("config.json")
                                        || file.endsWith("generation_config.json"))
                        .sorted()
                        .toList()) {
                    Path copy = Files.copy(file, to.resolve(file.getFileName()));
                    targets.add(copy);
                    if (file.endsWith("tokenizer.json")) {
                        targets.addAll(List.of(copy, copy, copy, copy));
                    }
                }
            }
        }
        for (String name : PIPELINES.keySet().stream().sorted().toList()) {
            Path to = Files.createDirectory(folder.resolve(name));
            Path file = Files.writeString(to.resolve("tokenizer.json"), PIPELINES.get(name));
            targets.addAll(List.of(file, file));
        }
        return targets;
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(damaged.getParent())) {
            long[] ids = tokenizer.encode(TEXT, true);
            tokenizer.tokenizeWithPlaces(TEXT);
            tokenizer.decode(ids, true);
            tokenizer.decode(new long[] {0, 1, 1_000_000}, false);
            tokenizer.stopIds();
        }
    }

    /** The parts of a pipeline that the two fixtures lack. */
    private static final java.util.Map<String, String> PIPELINES = java.util.Map.of("bytes", """
            {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [
              {"id": 4, "content": "<|end|>", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true}],
             "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
               {"type": "Strip", "strip_left": true, "strip_right": true}, {"type": "Prepend", "prepend": "▁"}]},
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
               {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}"}, "behavior": "Isolated", "invert": false},
               {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
             "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|end|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
               "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
               "special_tokens": {"<|end|>": {"id": "<|end|>", "ids": [4], "tokens": ["<|end|>"]}}},
             "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
             "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
               "fuse_unk": false, "byte_fallback": false, "ignore_merges": true, "vocab": {"a": 0, "b": 1, "ab": 2, "c": 3}, "merges": ["a b"]}}
            """, "unigram", """
            {"version": "1.0", "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 2},
             "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": 8, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"},
             "added_tokens": [{"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
             "normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}]},
             "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
             "post_processor": {"type": "BertProcessing", "sep": ["<unk>", 0], "cls": ["<unk>", 0]},
             "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": [["<unk>", 0.0], ["▁", -2.5], ["a", -1.0], ["on", -3.0], ["e", -2.0]]}}
            """);

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "true",
                "[]",
                "{}",
                "\"\"",
                "\"BPE\"",
                "\"WordPiece\"",
                "\"WordLevel\"",
                "\"Unigram\"",
                "\"ByteLevel\"",
                "\"Metaspace\"",
                "\"Replace\"",
                "\"type\"",
                "\"id\"",
                "\"content\"",
                "\"vocab\"",
                "\"merges\"",
                "\"Regex\"",
                "\"(a+)+$\"",
                "\"(((((a*)*)*)*)*)*b\"",
                "\"(?<=a{0,9999})\"",
                "\"[\"",
                "\"a a\"",
                "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"/////wAAAAAA\"}",
                "{\"type\": \"Sequence\", \"normalizers\": []}",
                "{\"type\": \"CTC\", \"pad_token\": \"a\", \"word_delimiter_token\": \"|\", \"cleanup\": true}",
                "{\"type\": \"FixedLength\", \"length\": 0}",
                "\"<unk>\"",
                "\"eos_token\"",
                "\"pad_token\"",
                "\"pad_token_id\"",
                "\"add_bos_token\"",
                "\"add_eos_token\"",
                "\"model_max_length\"",
                "\"chat_template\"");
    }
}
