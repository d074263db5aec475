package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.NativeScope;

/** The changes of a run at one step, as a safetensors file with one tensor a layer, named by its module path. */
public final class SavedUpdates implements LayerUpdates {
    private final SafetensorsFile file;

    private SavedUpdates(SafetensorsFile file) {
        this.file = file;
    }

    /** Where the changes at a step lie: {@code update-000120.safetensors}. */
    public static Path file(Path directory, long step) {
        return directory.resolve(String.format(Locale.ROOT, "update-%06d.safetensors", step));
    }

    /** Writes the changes as they are now; those of all layers are in memory meanwhile. */
    public static void write(Path file, LayerUpdates updates) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String path : updates.paths()) {
                tensors.put(path, updates.update(path));
            }
            SafetensorsWriter.write(file, tensors, Map.of());
        }
    }

    /** Opens what {@link #write} wrote; tensors are read when they are asked for. */
    public static SavedUpdates open(Path file) throws IOException {
        return new SavedUpdates(SafetensorsFile.open(file));
    }

    @Override
    public Set<String> paths() {
        return file.names();
    }

    @Override
    public Tensor update(String path) throws IOException {
        return file.read(path);
    }

    @Override
    public void close() {
        file.close();
    }
}
