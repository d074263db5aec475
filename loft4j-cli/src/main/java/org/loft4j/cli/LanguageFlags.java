package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.data.Tokenizer;
import picocli.CommandLine.Option;

/** Between which languages an encoder-decoder translates. */
final class LanguageFlags {
    static final String[] NAMES = {"--source-language", "--target-language"};

    @Option(
            names = "--source-language",
            paramLabel = "CODE",
            description =
                    "Language of the texts that are read, of translators alone: en_XX (mBART), eng_Latn (NLLB), en"
                            + " (M2M-100). Default: src_lang of tokenizer_config.json, else English.")
    @Nullable
    String source;

    @Option(
            names = "--target-language",
            paramLabel = "CODE",
            description =
                    "Language of the texts that are written, likewise. Default: tgt_lang of tokenizer_config.json, where"
                            + " a training leaves it beside its result.")
    @Nullable
    String target;

    /** The tokenizer for these, which is closed with the one that is given. */
    Tokenizer of(Tokenizer tokenizer) {
        return tokenizer.between(source, target);
    }
}
