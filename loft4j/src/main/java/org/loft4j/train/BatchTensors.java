package org.loft4j.train;

import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.data.Batch;
import org.loft4j.data.ImageBatch;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Tensors;

/**
 * A batch on the device of the model; belongs to the open scope.
 *
 * @param input ids, and a mask where something is padded; or pixels
 * @param labels int64 {@code (batch)} for classification, {@code (batch, seq)} where each token has one
 */
record BatchTensors(ModelInput input, Tensor labels) {
    static BatchTensors of(MiniBatch batch, Model model) {
        if (batch instanceof ImageBatch images) {
            return of(images, model.description().device());
        }
        return of((Batch) batch, model);
    }

    private static BatchTensors of(ImageBatch batch, DeviceSpec device) {
        Tensor pixels = Tensors.of(batch.pixels(), batch.rows(), batch.channels(), batch.height(), batch.width());
        return new BatchTensors(
                new ImageInput(on(device, pixels)), on(device, Tensors.of(batch.labels(), batch.rows())));
    }

    private static BatchTensors of(Batch batch, Model model) {
        DeviceSpec device = model.description().device();
        if (batch.segments() != null) {
            long[] segments = Arrays.stream(batch.segments()).asLongStream().toArray();
            return new BatchTensors(
                    TokenInput.packed(on(device, Tensors.of(batch.inputIds(), 1, batch.columns())), segments),
                    on(device, Tensors.of(batch.labels(), 1, batch.columns())));
        }
        boolean padded = batch.tokens() < (long) batch.rows() * batch.columns();
        Tensor ids = on(device, Tensors.of(batch.inputIds(), batch.rows(), batch.columns()));
        Tensor labels = model.task().isOneLabelEach()
                ? Tensors.of(batch.labels(), batch.rows())
                : Tensors.of(batch.labels(), batch.rows(), batch.columns());
        return new BatchTensors(
                new TokenInput(
                        ids,
                        padded ? on(device, Tensors.of(batch.attentionMask(), batch.rows(), batch.columns())) : null),
                on(device, labels));
    }

    private static Tensor on(DeviceSpec device, Tensor tensor) {
        return device.kind() == DeviceSpec.Kind.CPU ? tensor : tensor.to(device.torch(), tensor.scalar_type());
    }
}
