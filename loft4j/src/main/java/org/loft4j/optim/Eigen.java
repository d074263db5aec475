package org.loft4j.optim;

import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The eigenvalues of a symmetric r×r matrix, which ascend, and its eigenvectors, side by side. They are found on the host wherever
 * the matrix is: a device is no faster with one so small, and cuSOLVER is said to answer a matrix of zeros with what are no
 * numbers. Lives within one scope.
 */
record Eigen(Tensor values, Tensor vectors) {
    static Eigen of(Tensor symmetric) {
        T_TensorTensor_T found = torch.linalg_eigh(symmetric.cpu());
        return new Eigen(
                found.get0().to(symmetric.device(), symmetric.scalar_type()),
                found.get1().to(symmetric.device(), symmetric.scalar_type()));
    }
}
