package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.export.PooledVectors;
import org.loft4j.model.DenseModule;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.Pooling;

/** What the files of sentence-transformers say of vectors, for an export. */
final class SentenceVectors {
    private SentenceVectors() {}

    /** Of a model's directory; null where there are no such files. */
    static @Nullable PooledVectors of(Path directory) throws IOException {
        SentenceFiles files = SentenceFiles.find(directory);
        return files == null ? null : of(files, files.pooling());
    }

    /**
     * Of a model and its adapter.
     *
     * @param files null where there are none
     * @param pooling of the training
     */
    static PooledVectors of(@Nullable SentenceFiles files, Pooling pooling) {
        if (files == null) {
            return new PooledVectors(pooling, List.of(), false);
        }
        boolean prompts = files.prompts().values().stream().anyMatch(words -> !words.isEmpty());
        return new PooledVectors(
                pooling, files.dense().stream().map(SentenceVectors::layer).toList(), prompts);
    }

    private static PooledVectors.Layer layer(DenseModule module) {
        boolean plain = !module.bias() && module.activation() == null;
        return new PooledVectors.Layer(module.in(), module.out(), plain, module::weight);
    }
}
