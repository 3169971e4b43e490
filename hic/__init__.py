"""HIC, the hybrid interrupt controller: `hic.rtl`, `hic.sw_model`, `hic.cosim`, `hic.proofs`, `hic.fpga`.

The folders of these packages stand at the top of the repository; pyproject.toml says where each is installed.
"""
