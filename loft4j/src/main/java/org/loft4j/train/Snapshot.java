package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.NativeScope;

/** Copies of tensors in the memory of the host, as they were at a step. May be written and freed by another thread. */
final class Snapshot implements Checkpoints.Content, AutoCloseable {
    private final Map<String, Map<String, Tensor>> files = new LinkedHashMap<>();
    private final Checkpoints.Content rest;

    private Snapshot(Checkpoints.Content rest) {
        this.rest = rest;
    }

    /**
     * Copies tensors.
     *
     * @param files the tensors by name, of each safetensors file
     * @param rest writes what does not change from step to step
     */
    static Snapshot of(Map<String, Map<String, Tensor>> files, Checkpoints.Content rest) {
        Snapshot snapshot = new Snapshot(rest);
        // a tied embedding has two names; where two objects stand for one tensor, it is merely copied twice
        Map<Tensor, Tensor> once = new IdentityHashMap<>();
        boolean whole = false;
        try {
            files.forEach((file, tensors) -> {
                Map<String, Tensor> copies = new LinkedHashMap<>();
                snapshot.files.put(file, copies);
                tensors.forEach((name, tensor) -> copies.put(name, once.computeIfAbsent(tensor, Snapshot::copy)));
            });
            whole = true;
            return snapshot;
        } finally {
            if (!whole) {
                snapshot.close();
            }
        }
    }

    private static Tensor copy(Tensor tensor) {
        try (NativeScope scope = new NativeScope()) {
            Tensor host = tensor.detach().cpu().contiguous();
            // what lies on the host already is the very memory that training goes on to change
            boolean same = host.is_alias_of(tensor);
            return NativeScope.keep(same ? host.clone() : host);
        }
    }

    @Override
    public void writeTo(Path directory) throws IOException {
        for (Map.Entry<String, Map<String, Tensor>> file : files.entrySet()) {
            SafetensorsWriter.write(directory.resolve(file.getKey()), file.getValue(), Map.of());
        }
        rest.writeTo(directory);
    }

    @Override
    public void close() {
        files.values().stream()
                .flatMap(tensors -> tensors.values().stream())
                .distinct()
                .forEach(Tensor::close);
        files.clear();
    }
}
