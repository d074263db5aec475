package org.loft4j.tensor;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.ConfigException;

/** Where tensors live: the processor, or one CUDA device. */
public record DeviceSpec(Kind kind, int index) {
    /** The processor. */
    public static final DeviceSpec CPU = new DeviceSpec(Kind.CPU, 0);

    /** Kinds of device. */
    public enum Kind {
        CPU,
        CUDA
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
                                    + " cannot be used: no CUDA device was found; build with -Pcuda on a machine with an NVIDIA driver, or pass --device cpu");
                }
                return new DeviceSpec(Kind.CUDA, name.length() > 4 ? Integer.parseInt(name.substring(5)) : 0);
        }
    }

    /** Where a tensor lives. */
    public static DeviceSpec of(Tensor tensor) {
        return tensor.is_cuda() ? new DeviceSpec(Kind.CUDA, tensor.device().index()) : CPU;
    }

    /** The native descriptor, owned by the open scope. */
    public Device torch() {
        return kind == Kind.CPU ? new Device(torch.DeviceType.CPU) : new Device(torch.DeviceType.CUDA, (byte) index);
    }

    @Override
    public String toString() {
        return kind == Kind.CPU ? "cpu" : "cuda:" + index;
    }
}
