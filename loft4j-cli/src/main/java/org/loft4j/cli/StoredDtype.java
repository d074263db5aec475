package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.ModelDirectory;
import org.loft4j.tensor.Dtype;

/** The type of the numbers in the files of a model. */
final class StoredDtype {
    private StoredDtype() {}

    /** The only one, so that a model that is opened in the type of its first tensor has all numbers of its files; null for several. */
    static @Nullable Dtype of(Path directory) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(directory)) {
            Set<Dtype> types = EnumSet.noneOf(Dtype.class);
            for (String name : source.names()) {
                types.add(source.info(name).dtype());
            }
            types.removeIf(type -> !type.isFloating());
            return types.size() == 1 ? types.iterator().next() : null;
        }
    }
}
