export const gpu = navigator.gpu
