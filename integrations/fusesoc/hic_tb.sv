// Bench of hic.core's target `sim`: the host gets an interrupt, claims it, and completes it.
`timescale 1ns / 1ps
module hic_tb;
    // Offsets in the host's window, as docs/registers.md has them.
    localparam bit [24:0] Priority5 = 25'h000014, Enable0 = 25'h002000, Claim = 25'h200004;
    localparam bit [24:0] Identity = 25'h300000, Capacity = 25'h300004, Trigger5 = 25'h302014;

    bit clk, rst = 1;
    bit [63:0] irq;
    wire ready, trap;
    wire [2:0] cause;
    wire [6:0] source;
    bit [24:0] address;
    bit [31:0] wdata;
    bit read, write;
    wire arready, rvalid, awready, bvalid;
    wire [31:0] rdata;
    wire [1:0] rresp, bresp;

    always #5 clk = ~clk;

    hic dut (
        .clk, .rst, .ready, .irq,
        .s_axi_araddr(address), .s_axi_arprot(3'b0), .s_axi_arvalid(read), .s_axi_arready(arready),
        .s_axi_rdata(rdata), .s_axi_rresp(rresp), .s_axi_rvalid(rvalid), .s_axi_rready(1'b1),
        .s_axi_awaddr(address), .s_axi_awprot(3'b0), .s_axi_awvalid(write), .s_axi_awready(awready),
        .s_axi_wdata(wdata), .s_axi_wstrb(4'hf), .s_axi_wvalid(write), .s_axi_wready(),
        .s_axi_bresp(bresp), .s_axi_bvalid(bvalid), .s_axi_bready(1'b1),
        .direct0_acknowledge(1'b0), .direct0_valid(), .direct0_context(), .direct0_source(), .direct0_vector(),
        .direct0_injected(),
        .trap0_valid(trap), .trap0_cause(cause), .trap0_source(source), .trap0_target(), .trap0_context()
    );

    task automatic put(input bit [24:0] where, input bit [31:0] value);
        @(negedge clk) {address, wdata, write} = {where, value, 1'b1};
        do @(posedge clk); while (!awready);
        @(negedge clk) write = 0;
        while (!bvalid) @(negedge clk);
        if (bresp != 0) $fatal(1, "write of %h was refused", where);
    endtask

    task automatic check(input bit [24:0] where, input bit [31:0] value);
        @(negedge clk) {address, read} = {where, 1'b1};
        do @(posedge clk); while (!arready);
        @(negedge clk) read = 0;
        while (!rvalid) @(negedge clk);
        if (rresp != 0 || rdata != value) $fatal(1, "%h must read %h, not %h", where, value, rdata);
    endtask

    task automatic line(input bit valid);
        repeat (12) @(negedge clk);
        if (trap != valid) $fatal(1, "the trap line must be %b, not %b", valid, trap);
        if (trap && (cause != 1 || source != 5)) $fatal(1, "the trap must be of source 5, not %0d", source);
    endtask

    initial begin
        repeat (4) @(negedge clk);
        rst = 0;
        while (!ready) @(negedge clk);
        check(Identity, "HIC2");
        check(Capacity, {16'd8, 16'd64});
        put(Trigger5, 1);  // a level, active high
        put(Priority5, 4);
        put(Enable0, 1 << 5);
        line(0);
        irq[4] = 1;
        line(1);
        check(Claim, 5);
        line(0);
        irq[4] = 0;
        put(Claim, 5);
        line(0);
        check(Claim, 0);
        $display("hic_tb: passed");
        $finish;
    end

    initial begin
        #1ms;
        $fatal(1, "the bench must end within 1 ms");
    end
endmodule
