package org.loft4j.tensor;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.ConfigException;

/** Where tensors live: the processor, one CUDA device, or nowhere. */
public record DeviceSpec(Kind kind, int index) {
    /** The processor. */
    public static final DeviceSpec CPU = new DeviceSpec(Kind.CPU, 0);

    /** No device: tensors have a shape and a type, and no numbers. */
    public static final DeviceSpec META = new DeviceSpec(Kind.META, 0);

    /** Kinds of device. */
    public enum Kind {
        CPU,
        CUDA,
        META
    }

    /** Reads {@code cpu}, {@code cuda}, {@code cuda:1} or {@code auto} (CUDA where there is one). */
    public static DeviceSpec parse(String name) {
        switch (name) {
            case "cpu":
                return CPU;
            case "auto":
                return Engine.cudaAvailable() ? new DeviceSpec(Kind.CUDA, 0) : CPU;
            default:
                if (!name.matches("cuda(:[0-9]{1,2})?")) {
                    throw new ConfigException("device must be cpu, cuda, cuda:N or auto, got " + name);
                }
                if (!Engine.cudaAvailable()) {
                    throw new ConfigException(
                            "device " + name
                                    + " cannot be used: no CUDA device was found; on a machine with an NVIDIA driver start with LOFT_CUDA=1 ./loft, or build with -Pcuda; or pass --device cpu");
                }
                return new DeviceSpec(Kind.CUDA, name.length() > 4 ? Integer.parseInt(name.substring(5)) : 0);
        }
    }

    /** Where a tensor lives. */
    public static DeviceSpec of(Tensor tensor) {
        return tensor.is_cuda() ? new DeviceSpec(Kind.CUDA, tensor.device().index()) : tensor.is_meta() ? META : CPU;
    }

    /** The native descriptor, owned by the open scope. */
    public Device torch() {
        return switch (kind) {
            case CPU -> new Device(torch.DeviceType.CPU);
            case CUDA -> new Device(torch.DeviceType.CUDA, (byte) index);
            case META -> new Device(torch.DeviceType.Meta);
        };
    }

    @Override
    public String toString() {
        return switch (kind) {
            case CPU -> "cpu";
            case CUDA -> "cuda:" + index;
            case META -> "meta";
        };
    }
}
