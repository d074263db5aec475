package org.loft4j.cli.compare;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;

/** One model that run after run starts from, as if each had opened it with its own seed. */
final class SharedModel implements AutoCloseable {
    private final Path directory;
    private final ModelOptions options;
    private @Nullable Model open;

    SharedModel(Path directory, ModelOptions options) {
        this.directory = directory;
        this.options = options;
    }

    /** The model with what its checkpoint lacks drawn from the seed. */
    Model with(long seed) throws IOException {
        Model model = open;
        if (model == null) {
            model = Models.open(directory, options.withSeed(seed));
            open = model;
        } else {
            model.redraw(seed);
        }
        return model;
    }

    /** To be called when the weights are no longer those of the directory: they are read again when they are needed again. */
    void discard() {
        if (open != null) {
            open.close();
            open = null;
        }
    }

    @Override
    public void close() {
        discard();
    }
}
