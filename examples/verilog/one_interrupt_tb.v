// One interrupt, in plain Verilog: boot, set-up, from the wire to a guest, claim, completion. It checks itself.
//
// hic.v is made by: hic generate --sources 8 --contexts 4 --harts 1 -o hic.v
//
//   $ verilator --binary --timing -CFLAGS -std=c++20 -Wno-fatal --top-module one_interrupt_tb one_interrupt_tb.v hic.v
//   $ ./obj_dir/Vone_interrupt_tb
//   $ iverilog -g2005 -s one_interrupt_tb -o one_interrupt.vvp one_interrupt_tb.v hic.v
//   $ vvp one_interrupt.vvp
//
// The last line is PASS, or FAIL with the number of checks that failed.
`timescale 1ns / 1ps

module one_interrupt_tb;
    localparam [31:0] IDENTITY_VALUE = 32'h4849_4332;  // "HIC2"
    localparam SOURCE = 5, HOST = 0, GUEST = 1;
    localparam OKAY = 2'd0, SLVERR = 2'd2;
    localparam CAUSE_VIOLATION = 3'd4;
    // Offsets in a window of 4 MiB (docs/registers.md).
    localparam [31:0] WINDOW = 32'h40_0000;
    localparam [31:0] PRIORITY = 32'h00_0000 + 4 * SOURCE, PENDING = 32'h00_1000, ENABLE = 32'h00_2000;
    localparam [31:0] CLAIM = 32'h20_0004, IDENTITY = 32'h30_0000, RUNNING = 32'h30_0100, VECTOR_BASE = 32'h30_0400;
    localparam [31:0] ROUTE = 32'h30_1000 + 4 * SOURCE, TRIGGER = 32'h30_2000 + 4 * SOURCE;
    localparam [31:0] ALLOW_GUEST = 32'h31_0000 + 128 * GUEST;

    reg clk = 1'b0, rst = 1'b1;
    always #5 clk = ~clk;

    reg  [7:0]  irq = 8'd0;
    reg  [23:0] awaddr = 24'd0, araddr = 24'd0;
    reg  [31:0] wdata = 32'd0;
    reg         awvalid = 1'b0, wvalid = 1'b0, arvalid = 1'b0, acknowledge = 1'b0;
    wire        awready, wready, arready, bvalid, rvalid, ready;
    wire [1:0]  bresp, rresp;
    wire [31:0] rdata, direct_vector;
    wire        direct_valid, direct_injected, trap_valid;
    wire [1:0]  direct_context, trap_target, trap_context;
    wire [3:0]  direct_source, trap_source;
    wire [2:0]  trap_cause;

    hic dut (
        .clk(clk), .rst(rst), .ready(ready), .irq(irq),
        .s_axi_awaddr(awaddr), .s_axi_awprot(3'd0), .s_axi_awvalid(awvalid), .s_axi_awready(awready),
        .s_axi_wdata(wdata), .s_axi_wstrb(4'b1111), .s_axi_wvalid(wvalid), .s_axi_wready(wready),
        .s_axi_bresp(bresp), .s_axi_bvalid(bvalid), .s_axi_bready(1'b1),
        .s_axi_araddr(araddr), .s_axi_arprot(3'd0), .s_axi_arvalid(arvalid), .s_axi_arready(arready),
        .s_axi_rdata(rdata), .s_axi_rresp(rresp), .s_axi_rvalid(rvalid), .s_axi_rready(1'b1),
        .direct0_valid(direct_valid), .direct0_context(direct_context), .direct0_source(direct_source),
        .direct0_vector(direct_vector), .direct0_injected(direct_injected), .direct0_acknowledge(acknowledge),
        .trap0_valid(trap_valid), .trap0_target(trap_target), .trap0_cause(trap_cause),
        .trap0_source(trap_source), .trap0_context(trap_context)
    );

    integer failed = 0;

    // Case equality: an unknown value is a failure, too.
    task check(input [8 * 40 - 1:0] what, input [31:0] found, input [31:0] expected);
        if (found !== expected) begin
            failed = failed + 1;
            $display("%0t: %0s is %0h, not %0h", $time, what, found, expected);
        end
    endtask

    // Inputs change right after a rising edge, so each is sampled by the next one.
    task clocks(input integer count);
        begin
            repeat (count) @(posedge clk);
            #1;
        end
    endtask

    // A write to an offset in a context's window, with the response that it must get.
    task write(input [31:0] context_number, input [31:0] offset, input [31:0] value, input [1:0] response);
        reg [31:0] address;
        begin
            address = context_number * WINDOW + offset;
            awaddr = address[23:0];
            wdata = value;
            awvalid = 1'b1;
            wvalid = 1'b1;
            while (!awready) clocks(1);  // wready rises in the same cycle
            clocks(1);
            awvalid = 1'b0;
            wvalid = 1'b0;
            while (!bvalid) clocks(1);
            check("bresp", {30'd0, bresp}, {30'd0, response});
            clocks(1);
        end
    endtask

    task read(input [31:0] context_number, input [31:0] offset, input [31:0] expected, input [1:0] response);
        reg [31:0] address;
        begin
            address = context_number * WINDOW + offset;
            araddr = address[23:0];
            arvalid = 1'b1;
            while (!arready) clocks(1);
            clocks(1);
            arvalid = 1'b0;
            while (!rvalid) clocks(1);
            check("rresp", {30'd0, rresp}, {30'd0, response});
            check("rdata", rdata, expected);
            clocks(1);
        end
    endtask

    // Raises the wire and waits for the guest's line.
    task interrupt;
        integer waited;
        begin
            irq[SOURCE - 1] = 1'b1;  // bit i is source i + 1
            waited = 0;
            while (!direct_valid && waited < 20) begin
                clocks(1);
                waited = waited + 1;
            end
            check("clocks from the wire to the line", waited, 5);
            check("direct0_source", {28'd0, direct_source}, SOURCE);
            check("direct0_context", {30'd0, direct_context}, GUEST);
            check("direct0_vector", direct_vector, 32'h1000 + 4 * SOURCE);
            check("direct0_injected", {31'd0, direct_injected}, 0);
            check("trap0_valid", {31'd0, trap_valid}, 0);
        end
    endtask

    initial begin
        // Boot. The first access waits until the memories are swept.
        clocks(4);
        rst = 1'b0;
        read(HOST, IDENTITY, IDENTITY_VALUE, OKAY);
        check("ready", {31'd0, ready}, 1);

        // The host: the wire is a level; the guest may have the source; it is routed there; the guest runs on hart 0.
        write(HOST, TRIGGER, 1, OKAY);
        write(HOST, ALLOW_GUEST, 1 << SOURCE, OKAY);
        write(HOST, ROUTE, GUEST, OKAY);
        write(HOST, RUNNING, GUEST, OKAY);

        // The guest: where its vectors are, and what its PLIC driver does.
        write(GUEST, VECTOR_BASE, 32'h1000, OKAY);
        write(GUEST, PRIORITY, 4, OKAY);
        write(GUEST, ENABLE, 1 << SOURCE, OKAY);
        clocks(20);
        check("direct0_valid", {31'd0, direct_valid}, 0);
        check("trap0_valid", {31'd0, trap_valid}, 0);

        // Claim over the bus, service the device, complete.
        interrupt;
        read(GUEST, PENDING, 1 << SOURCE, OKAY);
        read(GUEST, CLAIM, SOURCE, OKAY);
        check("direct0_valid after the claim", {31'd0, direct_valid}, 0);
        irq[SOURCE - 1] = 1'b0;
        write(GUEST, CLAIM, SOURCE, OKAY);
        clocks(20);
        check("direct0_valid after the completion", {31'd0, direct_valid}, 0);
        read(GUEST, PENDING, 0, OKAY);

        // The same with the acknowledge input in place of the claim.
        interrupt;
        acknowledge = 1'b1;
        clocks(1);
        acknowledge = 1'b0;
        check("direct0_valid after the acknowledge", {31'd0, direct_valid}, 0);
        irq[SOURCE - 1] = 1'b0;
        write(GUEST, CLAIM, SOURCE, OKAY);
        clocks(20);
        check("direct0_valid after the completion", {31'd0, direct_valid}, 0);

        // The guest has no authority over RUNNING: refused, and the host gets a notice.
        write(GUEST, RUNNING, 0, SLVERR);
        clocks(20);
        check("trap0_valid of the notice", {31'd0, trap_valid}, 1);
        check("trap0_cause", {29'd0, trap_cause}, {29'd0, CAUSE_VIOLATION});
        check("trap0_target", {30'd0, trap_target}, HOST);
        check("trap0_context", {30'd0, trap_context}, GUEST);
        check("trap0_source", {28'd0, trap_source}, 0);

        if (failed == 0) $display("PASS");
        else $display("FAIL: %0d checks", failed);
        $finish;
    end

    initial begin
        #100_000;
        $display("FAIL: it takes too long");
        $finish;
    end
endmodule
