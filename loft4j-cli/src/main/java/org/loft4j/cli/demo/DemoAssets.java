package org.loft4j.cli.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * The model and the data of the demo, made once and kept in the user's cache.
 *
 * @param model a Hugging Face directory with the encoder
 * @param data a directory with train.jsonl, valid.jsonl and test.jsonl
 */
record DemoAssets(Path model, Path data) {
    // the number goes up whenever the same artefact would be turned into other files
    private static final String DATA_DIRECTORY = "languagetool-en-6.6-pairs-1";

    /**
     * Makes what is missing.
     *
     * @param cache the user's cache directory
     * @param chosen the encoder
     * @param say gets one line of text for each thing that takes long
     */
    static DemoAssets prepare(Path cache, DemoModel chosen, Consumer<String> say) throws IOException {
        Path model = cache.resolve("models").resolve(chosen.directory());
        Path data = cache.resolve("data").resolve(DATA_DIRECTORY);
        boolean hasModel = Files.isDirectory(model);
        boolean hasData = Files.isDirectory(data);
        if (!hasModel || !hasData) {
            MavenArtifacts artifacts = new MavenArtifacts(cache.resolve("artifacts"), MavenCommand.find(), say);
            if (!hasModel) {
                makeModel(model, chosen, artifacts.fetch(chosen.artifact()), say);
            }
            if (!hasData) {
                makeData(data, artifacts.fetch(MavenArtifact.LANGUAGE_TOOL), say);
            }
        }
        return new DemoAssets(model, data);
    }

    static void makeModel(Path model, DemoModel chosen, Path jar, Consumer<String> say) throws IOException {
        say.accept("  turning its ONNX file into a Hugging Face directory");
        FileTrees.build(
                model,
                directory -> EncoderDirectory.write(
                        directory, jar, chosen.artifact().requiredEntry(), chosen.shape(), chosen.pooling()));
    }

    static void makeData(Path data, Path jar, Consumer<String> say) throws IOException {
        say.accept("  reading the pairs of a sentence with an error and its correction");
        List<SentencePair> pairs = LanguageToolPairs.read(jar, MavenArtifact.LANGUAGE_TOOL.requiredEntry());
        FileTrees.build(data, directory -> {
            LanguageToolPairs.write(directory, pairs);
            Files.writeString(
                    directory.resolve("README.txt"),
                    "Sentences from the examples of " + MavenArtifact.LANGUAGE_TOOL.coordinates() + ", entry "
                            + MavenArtifact.LANGUAGE_TOOL.requiredEntry() + ",\n"
                            + "Copyright (C) the LanguageTool contributors, LGPL-2.1 or later. Two rows a pair: the sentence\n"
                            + "with an error, then its correction. No rule is in two of the three files.\n");
        });
    }
}
